/**
 * EventStreamParser reads `text/event-stream` piece by piece, as the HTML
 * standard says (9.2.6, "Interpreting an event stream"). The browser's own
 * EventSource is not used because it cannot send a header.
 */
export class EventStreamParser {
    /**
     * @param {string} piece  decoded text
     * @returns {StreamEvent[]} what is complete now
     * @throws {RangeError} when an event is larger than any of ours
     */
    push(piece: string): StreamEvent[];
    #private;
}
/**
 * One event of an event stream.
 */
export type StreamEvent = {
    id: string;
    type: string;
    data: string;
};
