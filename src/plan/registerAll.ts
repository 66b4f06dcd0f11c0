// Importing a class's file registers it. This is the one list of all that a config can name.
import '../datasets/index.ts';
import '../models/index.ts';
import '../optim/index.ts';
import '../runner/index.ts';
