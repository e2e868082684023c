/**
 * Encodes a frame as binary protobuf. `from` and `progress` are left out: the
 * SFU writes them.
 *
 * @param {{to?: string[], topic?: string, payload?: Uint8Array, part?: Part}} frame
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeFrame({ to, topic, payload, part }: {
    to?: string[];
    topic?: string;
    payload?: Uint8Array;
    part?: Part;
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
 *
 * @typedef {object} DataFrame
 * @property {string} from  the peer that sent it; the SFU writes it
 * @property {string[]} to  the peers it is for; empty: everybody else
 * @property {string} topic
 * @property {Uint8Array} payload
 * @property {Part} [part]  the payload is a part of a larger message, this one
 * @property {Progress} [progress]  from the SFU: how far a message of this client's got
 */
/**
 * Part says where a payload belongs.
 *
 * @typedef {object} Part
 * @property {number} message  the sender's number for it
 * @property {number} run  parts without a gap between them, to the same receivers
 * @property {number} offset  the byte of the message that the payload begins with
 * @property {number} total  the bytes of the message
 */
/**
 * Progress says how far a run got.
 *
 * @typedef {object} Progress
 * @property {number} run
 * @property {'READY' | 'BEHIND' | 'LOST'} state
 * @property {number} offset
 * @property {string} peer  in BEHIND and LOST
 */
/** The most bytes of a frame, encoded, with who it is from. */
export const MAX_FRAME: number;
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
    /**
     * the payload is a part of a larger message, this one
     */
    part?: Part | undefined;
    /**
     * from the SFU: how far a message of this client's got
     */
    progress?: Progress | undefined;
};
/**
 * Part says where a payload belongs.
 */
export type Part = {
    /**
     * the sender's number for it
     */
    message: number;
    /**
     * parts without a gap between them, to the same receivers
     */
    run: number;
    /**
     * the byte of the message that the payload begins with
     */
    offset: number;
    /**
     * the bytes of the message
     */
    total: number;
};
/**
 * Progress says how far a run got.
 */
export type Progress = {
    run: number;
    state: "READY" | "BEHIND" | "LOST";
    offset: number;
    /**
     * in BEHIND and LOST
     */
    peer: string;
};
