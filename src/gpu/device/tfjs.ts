// The one door to TensorFlow.js: the rest of gpu/ imports tensors, the tape and the backend from here.
import * as tf from '@tensorflow/tfjs-core';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

export { tf, WebGPUBackend };

export type Tensor = tf.Tensor;
export type Variable = tf.Variable;
export type TensorInfo = tf.TensorInfo;
export type DType = 'float32' | 'int32';
