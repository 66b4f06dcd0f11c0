// Importing a class's file registers it. What a config can name without anything more being loaded; detectors besides the
// default one: models/catalog.ts.
import '../datasets/index.ts';
import '../models/core.ts';
import '../optim/index.ts';
import '../runner/index.ts';
