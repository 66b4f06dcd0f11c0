/**
 * Let the event loop handle waiting messages, then go on. A MessageChannel, unlike a timer, is not throttled
 * in a hidden tab.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
