// Classes whose code is loaded where a config names them, so that a run's worker starts with what it needs.

import { RunError } from '../errors/trainerError.ts';

interface Entry {
  /** What importing the file registers. */
  readonly names: readonly string[];
  load(): Promise<unknown>;
}

/** One row a file. What a file's own defaults name it imports itself. */
export const CATALOG: readonly Entry[] = [
  { names: ['CSPDarknet'], load: () => import('./backbones/cspDarknet.ts') },
  { names: ['CustomCspNet'], load: () => import('./backbones/customCspNet.ts') },
  { names: ['Darknet'], load: () => import('./backbones/darknet.ts') },
  { names: ['HRNet'], load: () => import('./backbones/hrnet.ts') },
  { names: ['MobileNetV2'], load: () => import('./backbones/mobilenetV2.ts') },
  { names: ['RegNet'], load: () => import('./backbones/regnet.ts') },
  { names: ['Res2Net'], load: () => import('./backbones/res2net.ts') },
  { names: ['ResNeSt'], load: () => import('./backbones/resnest.ts') },
  { names: ['ResNeXt'], load: () => import('./backbones/resnext.ts') },
  { names: ['SSDVGG'], load: () => import('./backbones/ssdVgg.ts') },
  { names: ['ATSSAssigner'], load: () => import('./bbox/atssAssigner.ts') },
  { names: ['DistancePointBBoxCoder'], load: () => import('./bbox/distancePointBBoxCoder.ts') },
  { names: ['MlvlPointGenerator'], load: () => import('./bbox/pointGenerator.ts') },
  { names: ['ATSSHead'], load: () => import('./denseHeads/atssHead.ts') },
  { names: ['FCOSHead'], load: () => import('./denseHeads/fcosHead.ts') },
  { names: ['GFLHead'], load: () => import('./denseHeads/gflHead.ts') },
  { names: ['NanoDetHead'], load: () => import('./denseHeads/nanoDetHead.ts') },
  { names: ['ATSS'], load: () => import('./detectors/atss.ts') },
  { names: ['FCOS'], load: () => import('./detectors/fcos.ts') },
  { names: ['GFL'], load: () => import('./detectors/gfl.ts') },
  { names: ['NanoDet'], load: () => import('./detectors/nanoDet.ts') },
  { names: ['QualityFocalLoss', 'DistributionFocalLoss'], load: () => import('./losses/gflLosses.ts') },
  { names: ['BFP'], load: () => import('./necks/bfp.ts') },
  { names: ['ChannelMapper'], load: () => import('./necks/channelMapper.ts') },
  { names: ['CTResNetNeck'], load: () => import('./necks/ctResnetNeck.ts') },
  { names: ['DilatedEncoder'], load: () => import('./necks/dilatedEncoder.ts') },
  { names: ['HRFPN'], load: () => import('./necks/hrfpn.ts') },
  { names: ['NASFPN'], load: () => import('./necks/nasFpn.ts') },
  { names: ['PAFPN'], load: () => import('./necks/pafpn.ts') },
  { names: ['PAN'], load: () => import('./necks/pan.ts') },
  { names: ['SSDNeck'], load: () => import('./necks/ssdNeck.ts') },
  { names: ['YOLOV3Neck'], load: () => import('./necks/yoloV3Neck.ts') },
  { names: ['YOLOXPAFPN'], load: () => import('./necks/yoloxPafpn.ts') },
];

/**
 * Register the classes of these names; those that nobody knows are left to whoever builds them.
 * @param names values of `type`, also with a scope: `mmdet.FCOS`
 * @throws RunError `not-loaded` where the page can't get their code
 */
export async function loadModels(names: Iterable<string>): Promise<void> {
  const wanted = new Set([...names].map((name) => name.slice(name.lastIndexOf('.') + 1)));
  await Promise.all(
    CATALOG.filter((entry) => entry.names.some((name) => wanted.has(name))).map(async (entry) => {
      try {
        await entry.load();
      } catch (error) {
        throw new RunError(`the code of ${entry.names.join(', ')} must be loaded, but can't be`, {
          code: 'not-loaded',
          hint: 'reload the page when you are online',
          cause: error,
        });
      }
    }),
  );
}

/** Register all of them. */
export async function loadAllModels(): Promise<void> {
  await Promise.all(CATALOG.map((entry) => entry.load()));
}
