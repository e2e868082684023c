/**
 * Gets a fresh access token and shows it to the server, again and again until
 * the old one has expired. Does nothing where the application gives its token
 * as a text: it hears `access-expiring` and may act by itself.
 *
 * @param {Renewal} renewal
 */
export function renewAccess({ fresh, show, failed, expiresMs, signal }: Renewal): Promise<void>;
export type Renewal = {
    /**
     * asks the application; '' when it gives no other token
     */
    fresh: () => Promise<string>;
    /**
     * shows it to the server
     */
    show: (token: string) => Promise<void>;
    /**
     * told once
     */
    failed: (error: HirobaError) => void;
    /**
     * Unix milliseconds
     */
    expiresMs: number;
    /**
     * ends it
     */
    signal: AbortSignal;
};
import type { HirobaError } from './errors.js';
