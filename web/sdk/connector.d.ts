/**
 * Connector finds a transport that gets through to the server.
 */
export class Connector {
    /**
     * @param {Credentials} credentials
     * @param {TransportName[]} [names]  those to use, best first
     */
    constructor(credentials: Credentials, names?: TransportName[]);
    /**
     * Tries one transport after the other, first what worked before.
     *
     * @param {AbortSignal} signal
     * @returns {Promise<Connection>} rejects with HirobaError: the server's word, or what was found out about the network
     */
    any(signal: AbortSignal): Promise<Connection>;
    /**
     * Tries what is better than a transport that works.
     *
     * @param {TransportName} name
     * @param {AbortSignal} signal
     * @returns {Promise<Connection | null>} null: nothing better gets through
     */
    better(name: TransportName, signal: AbortSignal): Promise<Connection | null>;
    /**
     * Whether there is nothing better to hope for.
     *
     * @param {TransportName} name
     */
    isBest(name: TransportName): boolean;
    /**
     * Puts a transport behind the others for a while: it connects, but does not work.
     *
     * @param {TransportName} name
     */
    avoid(name: TransportName): void;
    /**
     * Whether an attempt of our own may have fenced us; asked once for each.
     *
     * @param {number} withinMs
     */
    wasOwnStray(withinMs: number): boolean;
    #private;
}
import { Connection } from './connection.js';
import type { TransportName } from './carrier.js';
import type { Credentials } from './credentials.js';
