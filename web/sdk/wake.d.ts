/**
 * Calls a function when there is new reason to hope for the network: the
 * browser says that it is back, or the page is looked at again after its timers
 * were slowed down or the machine slept.
 *
 * @param {() => void} woken
 * @param {AbortSignal} signal  ends it
 */
export function onWake(woken: () => void, signal: AbortSignal): void;
