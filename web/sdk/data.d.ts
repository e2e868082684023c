/**
 * @typedef {object} SendOptions
 * @property {string[]} [to]  peer ids; everybody else unless told
 * @property {string} [topic]  up to 64 bytes
 * @property {ChannelName} [channel]  `reliable` unless told
 * @property {(sent: number, total: number) => void} [onProgress]  told of a large message how many
 *   bytes the server has passed on
 */
/**
 * Data is the two DataChannels to the SFU, and the messages in them.
 */
export class Data {
    /**
     * Opens the channels, which the first offer has to have.
     *
     * @param {Media} media
     * @param {{data: (data: RoomData) => void, progress: (progress: DataProgress) => void,
     *   missed: (missed: DataMissed) => void, failed: (error: HirobaError) => void}} calls
     */
    constructor(media: Media, calls: {
        data: (data: RoomData) => void;
        progress: (progress: DataProgress) => void;
        missed: (missed: DataMissed) => void;
        failed: (error: HirobaError) => void;
    });
    /**
     * @param {Uint8Array | ArrayBuffer | Blob | string} payload
     * @param {SendOptions} options
     * @returns {Promise<void>} resolves when the browser took it, or when the server has passed on
     *   all of a large one to everybody who keeps up
     */
    send(payload: Uint8Array | ArrayBuffer | Blob | string, { to, topic, channel, onProgress }: SendOptions): Promise<void>;
    close(): void;
    #private;
}
export type SendOptions = {
    /**
     * peer ids; everybody else unless told
     */
    to?: string[] | undefined;
    /**
     * up to 64 bytes
     */
    topic?: string | undefined;
    /**
     * `reliable` unless told
     */
    channel?: ChannelName | undefined;
    /**
     * told of a large message how many
     * bytes the server has passed on
     */
    onProgress?: ((sent: number, total: number) => void) | undefined;
};
import type { Media } from './media.js';
import type { RoomData } from './room-events.js';
import type { DataProgress } from './room-events.js';
import type { DataMissed } from './room-events.js';
import { HirobaError } from './errors.js';
import type { ChannelName } from './room-events.js';
