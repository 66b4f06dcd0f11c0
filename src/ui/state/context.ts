// The app's state, handed down to the panels.

import { createContext } from 'svelte';
import type { AppState } from './app.svelte.ts';

export const [getApp, setApp] = createContext<AppState>();
