/**
 * Encodes a frame as binary protobuf. `from` is left out: the SFU writes it.
 *
 * @param {{to?: string[], topic?: string, payload?: Uint8Array}} frame
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeFrame({ to, topic, payload }: {
    to?: string[];
    topic?: string;
    payload?: Uint8Array;
}): Uint8Array<ArrayBuffer>;
/**
 * Decodes a frame. Fields that this version does not know are skipped. The
 * payload is a view into `bytes`, not a copy.
 *
 * @param {Uint8Array} bytes
 * @returns {DataFrame}
 * @throws {HirobaError} BAD_FRAME when the bytes are no DataFrame
 */
export function decodeFrame(bytes: Uint8Array): DataFrame;
/**
 * DataFrame is one message in a DataChannel (internal/dataframe/data.proto).
 */
export type DataFrame = {
    /**
     * the peer that sent it; the SFU writes it
     */
    from: string;
    /**
     * the peers it is for; empty: everybody else
     */
    to: string[];
    topic: string;
    payload: Uint8Array;
};
