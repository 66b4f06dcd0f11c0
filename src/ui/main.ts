import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { AppState } from './state/app.svelte.ts';

const target = document.getElementById('app');
if (target) {
  const app = new AppState();
  mount(App, { target, props: { app } });
  void app.start();
}
