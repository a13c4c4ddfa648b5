import type { Preprocess } from './types.ts';

/** ImageNet's mean and standard deviation, as torchvision's models want them. */
const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_STD = [0.229, 0.224, 0.225];

const PLAIN = { channelOrder: 'rgb', mean: [0], std: [1], labelOffset: 0 } as const;

/** Preprocessing by name. One number of mean or std stands for all channels. */
export const PRESETS: Readonly<Record<string, Preprocess>> = {
  /** torchvision: x / 255, ImageNet mean and deviation. */
  torch: { ...PLAIN, preset: 'torch', scale: 1 / 255, mean: IMAGENET_MEAN, std: IMAGENET_STD },
  /** TensorFlow and Keras' MobileNets: x / 127.5 − 1. */
  tf: { ...PLAIN, preset: 'tf', scale: 1 / 127.5, mean: [1] },
  /** Caffe's zoo: blue first, x − (104, 117, 123). */
  caffe: { ...PLAIN, preset: 'caffe', channelOrder: 'bgr', scale: 1, mean: [104, 117, 123] },
  /** x / 255. */
  unit: { ...PLAIN, preset: 'unit', scale: 1 / 255 },
  /** 0 … 255 as they are. */
  raw: { ...PLAIN, preset: 'raw', scale: 1 },
};

/** The preset of that name, if there is one. */
export function presetOf(name: string): Preprocess | undefined {
  return Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
}

/** What is done when nothing is said: `torch` for three channels, `unit` for one. */
export function defaultPreprocess(channels: number): Preprocess {
  return channels === 3 ? PRESETS.torch! : PRESETS.unit!;
}
