/**
 * Carries a session over a WebSocket (RFC 6455), one message per text frame.
 * A browser's WebSocket has no headers, so the tokens are offered as
 * subprotocols; the server picks the real one.
 *
 * @param {Pass} pass
 * @param {CarrierCalls} calls
 * @returns {Carrier}
 */
export function openWebSocket({ url, session, resume, access, after }: Pass, calls: CarrierCalls): Carrier;
import type { Pass } from '../carrier.js';
import type { CarrierCalls } from '../carrier.js';
import type { Carrier } from '../carrier.js';
