/**
 * Carries a session over an event stream (SSE), and requests for what the
 * client says.
 *
 * @param {Pass} pass
 * @param {CarrierCalls} calls
 * @returns {Carrier}
 */
export function openEventStream(pass: Pass, calls: CarrierCalls): Carrier;
import type { Pass } from '../carrier.js';
import type { CarrierCalls } from '../carrier.js';
import type { Carrier } from '../carrier.js';
