/**
 * Data is the two DataChannels to the SFU, and the frames in them.
 */
export class Data {
    /**
     * Opens the channels, which the first offer has to have.
     *
     * @param {Media} media
     * @param {{data: (data: RoomData) => void, failed: (error: HirobaError) => void}} calls
     */
    constructor(media: Media, { data, failed }: {
        data: (data: RoomData) => void;
        failed: (error: HirobaError) => void;
    });
    /**
     * @param {Uint8Array | string} payload
     * @param {{to?: string[], topic?: string, channel?: ChannelName}} options
     * @returns {Promise<void>} resolves when the browser took it
     */
    send(payload: Uint8Array | string, { to, topic, channel }: {
        to?: string[];
        topic?: string;
        channel?: ChannelName;
    }): Promise<void>;
    close(): void;
    #private;
}
import type { ChannelName } from './room-events.js';
import type { Media } from './media.js';
import type { RoomData } from './room-events.js';
import { HirobaError } from './errors.js';
