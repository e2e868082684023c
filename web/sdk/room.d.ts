/**
 * Room is this client's part in one room, from connect() until leave() or until
 * the link is lost for good. A connection that breaks is made again, over
 * whichever transport gets through; media goes on meanwhile. Whoever is there when connect() resolves is in `peers`, and
 * what is received of them is told by `media` events right after. Every later
 * change is an event, and none is missed by a handler that is added in the turn
 * in which connect() resolves.
 */
export class Room {
    /**
     * Joins a room.
     *
     * @param {ConnectOptions} options
     * @returns {Promise<Room>} rejects with HirobaError when the server cannot be
     *   reached or does not let this peer in
     */
    static connect(options: ConnectOptions): Promise<Room>;
    /**
     * Made by connect().
     *
     * @private
     * @param {Link} link
     * @param {ConnectOptions} options
     */
    private constructor();
    /** The room's name. */
    get name(): string;
    /** This client; its tracks are the publications. */
    get self(): Peer;
    /** Everybody else, by peer id. */
    get peers(): ReadonlyMap<string, Peer>;
    get state(): RoomState;
    /** What carries signaling now; '' while the connection is broken. */
    get transport(): "" | TransportName;
    /** How the room is run. */
    get settings(): import("./settings.js").RoomSettings;
    /** How its media flows. */
    get topology(): import("./settings.js").Topology;
    /** What was said to everybody before this client came, oldest first, as far as the room keeps it. */
    get history(): RoomMessage[];
    /** Who waits to be let in, by peer id; known to moderators. */
    get knocks(): ReadonlyMap<string, import("./room-events.js").Knock>;
    /** What peers with the grant `admin` may do. */
    get moderate(): Moderation;
    /** What this client sends, by track id. */
    get publications(): ReadonlyMap<string, Publication>;
    /**
     * Calls a function for every event of a name, `message:TOPIC` among them.
     *
     * @template {keyof RoomEvents} Name
     * @param {Name} name
     * @param {(...args: RoomEvents[Name]) => void} handler
     * @returns {() => void} takes the handler away again
     */
    on<Name extends keyof RoomEvents>(name: Name, handler: (...args: RoomEvents[Name]) => void): () => void;
    /**
     * @param {string} trackId
     * @returns {MediaStreamTrack | null} what is received of a track now
     */
    media(trackId: string): MediaStreamTrack | null;
    /**
     * Says something to the others over signaling: small, reliable, in order.
     *
     * @param {string} topic  up to 64 bytes; `chat` is what the call page shows
     * @param {unknown} value  a string goes as it is, anything else as JSON
     * @param {EmitOptions} [options]
     * @returns {Promise<void>} resolves when the server took it
     */
    emit(topic: string, value: unknown, options?: EmitOptions): Promise<void>;
    /**
     * Asks others something, who answer by answer().
     *
     * @param {string} topic
     * @param {unknown} value
     * @param {EmitOptions} [options]  10 seconds unless told
     * @returns {Promise<any>} of one peer, its answer; of several in `to`, a Map of those that
     *   came in time, by peer id; of everybody, the first answer. Rejects with HirobaError:
     *   TIMEOUT when nobody answered, NO_SUCH_PEER when the one who was asked has left
     */
    ask(topic: string, value: unknown, options?: EmitOptions): Promise<any>;
    /**
     * Answers what others ask under a topic; it is no `message` event then. One
     * handler per topic: a later one takes the place.
     *
     * @param {string} topic
     * @param {AnswerHandler} handler
     * @returns {() => void} takes the handler away again
     */
    answer(topic: string, handler: AnswerHandler): () => void;
    /**
     * Changes what others know of this peer.
     *
     * @param {string} metadata  up to 4 KiB
     */
    setMetadata(metadata: string): Promise<void>;
    /**
     * Goes on with another access token, for applications that gave theirs as a
     * text; see `access-expiring`.
     *
     * @param {string} token
     */
    authenticate(token: string): Promise<void>;
    /**
     * Sends a track to the room.
     *
     * @param {MediaStreamTrack} track
     * @param {PublishOptions} [options]
     * @returns {Promise<Publication>}
     */
    publish(track: MediaStreamTrack, options?: PublishOptions): Promise<Publication>;
    /**
     * Says what is shown, most important first, so that the server sends that and
     * not more. As long as this was never called, everything is wanted. Call it as
     * often as the layout changes.
     *
     * @param {Shown[]} shown
     */
    view(shown: Shown[]): void;
    /**
     * Sends bytes to the others over a DataChannel: up to 16 MiB at once over the
     * reliable one, what fits into 64 KiB with all that belongs to it over the
     * lossy one. Large messages and small ones take turns, so a small one may
     * overtake a large one. Who takes a large one more slowly than others gets
     * the rest of it afterwards; see `data-missed` for who does not.
     *
     * @param {Uint8Array | ArrayBuffer | Blob | string} payload
     * @param {SendOptions} [options]
     * @returns {Promise<void>} resolves when the browser took it, which it does
     *   not while more than 1 MiB is unsent, and a large one when the server has
     *   passed on all of it to everybody who keeps up: await it before the next.
     *   Rejects with HirobaError NOT_RECEIVED when none of those named gets it
     */
    send(payload: Uint8Array | ArrayBuffer | Blob | string, options?: SendOptions): Promise<void>;
    /** @returns {Promise<RTCStatsReport>} of the PeerConnection to the SFU */
    stats(): Promise<RTCStatsReport>;
    /**
     * Leaves the room. The published MediaStreamTracks go on: they are the
     * application's to stop.
     *
     * @returns {Promise<void>} resolves when all is closed, after half a second at the latest
     */
    leave(): Promise<void>;
    #private;
}
export type ConnectOptions = {
    /**
     * the server; this page's own unless told
     */
    url?: string | undefined;
    /**
     * 1 to 64 letters, digits, `-`, `_` or `.`
     */
    room: string;
    /**
     * what others call this peer
     */
    name?: string | undefined;
    /**
     * published with the first offer
     */
    tracks?: ({
        track: MediaStreamTrack;
    } & PublishOptions)[] | undefined;
    iceTransportPolicy?: RTCIceTransportPolicy | undefined;
    /**
     * those that the server names unless told
     */
    iceServers?: RTCIceServer[] | undefined;
    /**
     * access token, where the server wants one; a function is asked
     * again whenever a fresh one is needed
     */
    token?: TokenSource | undefined;
    /**
     * whatever others should know of this peer, up to 4 KiB
     */
    metadata?: string | undefined;
    /**
     * somebody has to let this client in; connect() goes on waiting
     */
    onWaiting?: (() => void) | undefined;
    /**
     * gives up connecting
     */
    signal?: AbortSignal | undefined;
    /**
     * whether two peers may connect directly when the room is run so;
     * true unless told
     */
    direct?: boolean | undefined;
    /**
     * those to use, best first; all unless told
     */
    transports?: TransportName[] | undefined;
};
import type { Peer } from './roster.js';
import type { RoomState } from './room-events.js';
import type { TransportName } from './carrier.js';
import type { RoomMessage } from './room-events.js';
import { Moderation } from './moderation.js';
import type { Publication } from './publication.js';
import type { RoomEvents } from './room-events.js';
import type { EmitOptions } from './talk.js';
import type { AnswerHandler } from './talk.js';
import type { PublishOptions } from './publication.js';
import type { Shown } from './view.js';
import type { SendOptions } from './data.js';
import type { TokenSource } from './credentials.js';
