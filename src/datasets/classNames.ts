// The class names that MMDetection's datasets carry, in label order.

const words = (text: string): readonly string[] => text.split(',').map((name) => name.trim());

/** Source: COCO 2017, mmdet 2.28.2 `CocoDataset.CLASSES`. */
export const COCO_CLASSES = words(
  `person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
  parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella,
  handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
  surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
  broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
  mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors,
  teddy bear, hair drier, toothbrush`,
);

/** Source: Pascal VOC 2007, mmdet 2.28.2 `VOCDataset.CLASSES`. */
export const VOC_CLASSES = words(
  `aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, horse, motorbike, person,
  pottedplant, sheep, sofa, train, tvmonitor`,
);
