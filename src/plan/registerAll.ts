// Importing this registers all that a config can name, for whoever lists names or proposes them.
import '../models/index.ts';
import './registerCore.ts';
