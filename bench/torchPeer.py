"""PyTorch's side of the benchmarks: reads one JSON request per line, answers with one line.

Argument: cpu or cuda. The nets, their values and the requests are described in nets/netSpec.ts and
contenders/contender.ts.
"""
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

LR = 0.02
MOMENTUM = 0.9
device = torch.device(sys.argv[1])
# True fp32, as in every other contender.
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False


def fraction(count, seed):
    x = np.sin(np.arange(count, dtype=np.float64) * 12.9898 + seed * 78.233) * 4375.8547
    return x - np.floor(x)


def parameter(spec, index):
    shape = spec['shape']
    size = int(np.prod(shape))
    if spec['kind'] == 'weight':
        values = np.sqrt(3 * spec['gain'] * shape[0] / size) * (2 * fraction(size, index) - 1)
    else:
        values = np.full(size, 1.0 if spec['kind'] == 'gamma' else 0.0)
    return leaf(values, shape)


def leaf(values, shape):
    tensor = torch.from_numpy(values.astype(np.float32).reshape(shape)).to(device)
    return tensor.requires_grad_(True)


def activate(x, name):
    return x if name is None else F.relu(x) if name == 'relu' else F.relu6(x)


class NetStepper:
    def __init__(self, net):
        self.net = net
        self.params = [parameter(spec, i) for i, spec in enumerate(net['params'])]
        self.optimizer = torch.optim.SGD(self.params, lr=LR, momentum=MOMENTUM)
        h, w, c = net['shapes'][0]
        values = 2 * fraction(net['batch'] * h * w * c, -1) - 1
        self.image = torch.from_numpy(values.astype(np.float32).reshape(net['batch'], h, w, c))
        self.image = self.image.permute(0, 3, 1, 2).contiguous()
        self.loss = None

    def forward(self, node, values):
        x = values[node['x']]
        p = self.params
        op = node['op']
        if op == 'conv':
            bias = None if node['bias'] is None else p[node['bias']]
            y = F.conv2d(x, p[node['weight']], bias, node['stride'], node['padding'], groups=node['groups'])
            return activate(y, node['activation'])
        if op == 'norm':
            y = F.batch_norm(x, None, None, p[node['gamma']], p[node['beta']], training=True, eps=1e-5)
            return activate(y, node['activation'])
        if op == 'relu':
            return F.relu(x)
        if op == 'add':
            return x + values[node['y']]
        if op == 'maxPool':
            return F.max_pool2d(x, 3, 2, 1)
        if op == 'upsample':
            return F.interpolate(x, scale_factor=2, mode='nearest')
        raise ValueError(op)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        values = [self.image.to(device)]
        for node in self.net['nodes']:
            values.append(self.forward(node, values))
        self.loss = sum(values[i].square().mean() for i in self.net['outputs'])
        self.loss.backward()
        self.optimizer.step()

    def value(self):
        return self.loss.item()


class OptimizerStepper:
    def __init__(self, job):
        self.params = []
        for index, shape in enumerate(job['shapes']):
            i = np.arange(int(np.prod(shape)))
            param = leaf(((i + index) % 17) / 17 - 0.5, shape)
            grad = ((i + 3 * index) % 13) / 13 - 0.4
            param.grad = torch.from_numpy(grad.astype(np.float32).reshape(shape)).to(device)
            self.params.append(param)
        if job['rule'] == 'sgd':
            self.optimizer = torch.optim.SGD(self.params, lr=LR, momentum=MOMENTUM)
        else:
            self.optimizer = torch.optim.Adam(self.params, lr=LR)

    def step(self):
        self.optimizer.step()

    def value(self):
        return self.params[0].sum().item()


def idle():
    if device.type == 'cuda':
        torch.cuda.synchronize()


def load(job):
    start = time.perf_counter()
    stepper = NetStepper(job['net']) if job['kind'] == 'net' else OptimizerStepper(job['optimizer'])
    values = []
    first = None
    for _ in range(3):
        stepper.step()
        idle()
        first = first or (time.perf_counter() - start) * 1000
        values.append(stepper.value())
    name = torch.cuda.get_device_name() if device.type == 'cuda' else f'CPU, {torch.get_num_threads()} threads'
    return stepper, {'about': f'PyTorch {torch.__version__}, {name}', 'values': values, 'firstStepMs': first}


def sample(stepper):
    wall, cpu = time.perf_counter(), time.process_time()
    stepper.step()
    handed = time.perf_counter()
    idle()
    return {
        'wallMs': (time.perf_counter() - wall) * 1000,
        'jsMs': (handed - wall) * 1000,
        'cpuMs': (time.process_time() - cpu) * 1000,
    }


def pipelined(stepper, count):
    start = time.perf_counter()
    for _ in range(count):
        stepper.step()
    idle()
    return {'stepMs': (time.perf_counter() - start) * 1000 / count}


def report():
    peak = live = None
    if device.type == 'cuda':
        peak, live = torch.cuda.max_memory_allocated(), torch.cuda.memory_allocated()
    return {'peakBytes': peak, 'liveBytes': live, 'dispatches': None, 'tensors': None}


def answer(request, stepper):
    if request['do'] == 'load':
        return load(request['job'])
    if request['do'] == 'steps':
        return stepper, [sample(stepper) for _ in range(request['count'])]
    if request['do'] == 'pipelined':
        return stepper, pipelined(stepper, request['count'])
    return stepper, report()


def main():
    if device.type == 'cuda' and not torch.cuda.is_available():
        raise RuntimeError('torch.cuda.is_available() is False')
    stepper = None
    for line in sys.stdin:
        try:
            stepper, result = answer(json.loads(line), stepper)
            reply = {'ok': result}
        except Exception as error:  # any failure belongs to this request
            reply = {'error': f'{type(error).__name__}: {error}'}
        print(json.dumps(reply), flush=True)


main()
