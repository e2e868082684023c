/** @import { Carrier, CarrierCalls, OpenCarrier, Pass, TransportName } from './carrier.js' */
/** @import * as wire from './messages.js' */
/**
 * Connection is one carrier from its welcome to its end. What comes before
 * somebody listens is kept.
 */
export class Connection {
    /**
     * Opens a connection and waits for its welcome.
     *
     * @param {TransportName} name
     * @param {OpenCarrier} open
     * @param {Pass} pass
     * @param {{timeoutMs: number, signal: AbortSignal}} bounds
     * @returns {Promise<Connection>} rejects with HirobaError: the server's word, or why there is no connection
     */
    static open(name: TransportName, open: OpenCarrier, pass: Pass, { timeoutMs, signal }: {
        timeoutMs: number;
        signal: AbortSignal;
    }): Promise<Connection>;
    /**
     * @private
     * @param {TransportName} name
     * @param {OpenCarrier} open
     * @param {Pass} pass
     * @param {(outcome: wire.Welcome | HirobaError) => void} opened
     */
    private constructor();
    /** @type {wire.Welcome} */
    welcome: wire.Welcome;
    /** @readonly */
    readonly name: TransportName;
    /** Whether it has to be pinged. */
    get silent(): boolean;
    /**
     * Hands on what comes, and first what came already.
     *
     * @param {CarrierCalls} calls
     */
    listen(calls: CarrierCalls): void;
    /** @param {string[]} texts */
    send(texts: string[]): void;
    /** Ends it; nothing is told any more. */
    close(): void;
    #private;
}
import type * as wire from './messages.js';
import type { TransportName } from './carrier.js';
import type { CarrierCalls } from './carrier.js';
import type { OpenCarrier } from './carrier.js';
import type { Pass } from './carrier.js';
