/**
 * Carries a session over long polls: requests that the server answers when it
 * has something, and others for what the client says. The polls themselves
 * are the heartbeat.
 *
 * @param {Pass} pass
 * @param {CarrierCalls} calls
 * @returns {Carrier}
 */
export function openPoll(pass: Pass, calls: CarrierCalls): Carrier;
import type { Pass } from '../carrier.js';
import type { CarrierCalls } from '../carrier.js';
import type { Carrier } from '../carrier.js';
