// Made from signaling/protocol/signal.proto by `go generate`; do not edit.
// The JSON form of hiroba.v1, as protojson writes it: 64-bit numbers are
// strings, and a field with its zero value is left out.

export type Grant = "GRANT_UNSPECIFIED" | "PUBLISH" | "SUBSCRIBE" | "DATA" | "ADMIN" | "RECORD";

export type TopologyPolicy = "TOPOLOGY_POLICY_UNSPECIFIED" | "TOPOLOGY_AUTO" | "TOPOLOGY_SFU" | "TOPOLOGY_P2P";

export type Kind = "KIND_UNSPECIFIED" | "AUDIO" | "VIDEO";

/**
 * ClientMessage is anything that a client says to the server.
 */
export interface ClientMessage {
  /**
   * Number of this message in its session, counted by the client: 1, 2, 3…
   * The server carries each number out once. 0 leaves the message
   * unnumbered; only a ping may be.
   */
  seq?: string;
  /**
   * The highest ServerMessage.seq that the client has handled. The server
   * forgets what is acknowledged; a number that it has not sent yet is
   * answered BAD_FIELD.
   */
  ack?: string;
  /**
   * Chosen by the client, at most 64 bytes. A message with an id is answered
   * by exactly one ServerMessage whose `re` is the same id.
   */
  id?: string;
  join?: Join;
  leave?: Leave;
  description?: Description;
  candidate?: Candidate;
  publish?: Publish;
  mute?: Mute;
  view?: View;
  message?: Message;
  ping?: Ping;
  authenticate?: Authenticate;
  metadata?: Metadata;
  moderate?: Moderate;
  direct?: Direct;
}

/**
 * ServerMessage is anything that the server says to a client.
 */
export interface ServerMessage {
  /**
   * Number of this message in the session's outbox: 1, 2, 3… 0 means that
   * the message is about the connection only (welcome, and the pong of a ping
   * without an id) and is not kept.
   */
  seq?: string;
  /**
   * The id of the client's message that this one answers.
   */
  re?: string;
  welcome?: Welcome;
  joined?: Joined;
  description?: Description;
  candidate?: Candidate;
  peerJoined?: PeerJoined;
  peerLeft?: PeerLeft;
  trackPublished?: TrackPublished;
  trackUpdated?: TrackUpdated;
  trackRemoved?: TrackRemoved;
  published?: Published;
  slots?: Slots;
  speakers?: Speakers;
  message?: Message;
  done?: Done;
  error?: Error;
  pong?: Pong;
  waiting?: Waiting;
  peerUpdated?: PeerUpdated;
  roomUpdated?: RoomUpdated;
  knock?: Knock;
  topology?: Topology;
  accessExpiring?: AccessExpiring;
  trackDemand?: TrackDemand;
  quality?: Quality;
}

export interface AttachRequest {
  /**
   * Empty opens a new session.
   */
  session?: string;
  /**
   * The highest ServerMessage.seq that the client has handled.
   */
  after?: string;
}

export interface SendRequest {
  session?: string;
  messages?: ClientMessage[];
}

export interface SendResponse {
  /**
   * The highest ClientMessage.seq that the server has taken.
   */
  received?: string;
  /**
   * Answers that are about the connection only: unnumbered pongs.
   */
  messages?: ServerMessage[];
}

/**
 * Welcome is the server's first message on a connection: all a client needs
 * to make its first offer, and to go on when the connection is cut.
 */
export interface Welcome {
  /**
   * Names this session. Not a secret.
   */
  session?: string;
  iceServers?: IceServer[];
  limits?: Limits;
  /**
   * The client pings at least this often, in milliseconds; the server takes a
   * connection silent for two and a half times as long for dead.
   */
  heartbeatMs?: number;
  /**
   * Opens the next connection of this session; a secret. It takes the place of
   * the one before as soon as it is used.
   */
  resume?: string;
  /**
   * Whether the session goes on; false in its first welcome.
   */
  resumed?: boolean;
  /**
   * The highest ClientMessage.seq that the server has taken: messages after it
   * are to be sent again.
   */
  received?: string;
  /**
   * How long a session lives without a connection, in milliseconds.
   */
  detachedMs?: number;
}

/**
 * IceServer is one entry for RTCConfiguration.iceServers.
 */
export interface IceServer {
  urls?: string[];
  /**
   * "expiry:user", the TURN REST convention; expiry in Unix seconds.
   */
  username?: string;
  credential?: string;
}

/**
 * Limits are the bounds that the server holds a client to.
 */
export interface Limits {
  /**
   * Bytes of one message; larger ones are answered MESSAGE_TOO_LARGE.
   */
  messageBytes?: number;
  /**
   * Bytes of a message that carries a description (join, description).
   */
  descriptionBytes?: number;
  /**
   * Messages per second, averaged; a burst of twice as many is let through.
   * Each begun 4 KiB of a message counts as one.
   */
  messagesPerSecond?: number;
  /**
   * Slots of one kind (audio, video); an offer of more is refused.
   */
  slots?: number;
  /**
   * Tracks that one peer may publish.
   */
  tracks?: number;
  /**
   * Voices that are heard at once: more audio slots stay empty.
   */
  voices?: number;
}

/**
 * Join enters a room. It must be the first message of a session and may come
 * once. The offer inside makes the first answer come back in the same round
 * trip.
 */
export interface Join {
  /**
   * 1 to 64 letters, digits, '-', '_' or '.', of any script.
   */
  room?: string;
  /**
   * What others call this peer; up to 64 characters, may be empty.
   */
  name?: string;
  /**
   * The first offer to the SFU; left out by a peer that wants no media yet.
   */
  offer?: Description;
  /**
   * What the offer's sending media sections carry.
   */
  tracks?: TrackOffer[];
  /**
   * What the client shows; left out, everything that there are slots for.
   */
  view?: View;
  /**
   * Whatever the application wants others to know of this peer, up to 4 KiB.
   */
  metadata?: string;
  /**
   * Whether this client can have a direct connection to another peer: it
   * understands topology.
   */
  direct?: boolean;
}

/**
 * Joined answers join: the room as it is now. Everything later is a change
 * to it. With snapshot it comes once more, in the place of messages that are
 * no longer kept.
 */
export interface Joined {
  room?: string;
  /**
   * This client's own peer id.
   */
  peer?: string;
  /**
   * Everybody else in the room.
   */
  peers?: Peer[];
  /**
   * The SFU's answer to the offer in join.
   */
  answer?: Description;
  /**
   * Ids given to the tracks in join, in the same order. In a snapshot: the
   * client's own tracks.
   */
  tracks?: Track[];
  /**
   * This client as others see it.
   */
  self?: Peer;
  settings?: RoomSettings;
  /**
   * The room's latest messages to everybody, oldest first, as far as the room
   * keeps any.
   */
  history?: Message[];
  /**
   * Messages of the server were lost to this client: this is all there is now.
   * Requests that the server has taken and not answered so far get no answer.
   */
  snapshot?: boolean;
  topology?: Topology;
  /**
   * Who waits to be let in; told to moderators.
   */
  knocks?: Knock[];
}

/**
 * Waiting answers join when somebody has to let this client in. Joined or an
 * error follows, without re.
 */
export interface Waiting {
}

/**
 * Authenticate gives an access token: the first one on a connection that came
 * without, a fresh one before the last expires. Answered by done; the first
 * one by welcome.
 */
export interface Authenticate {
  token?: string;
}

/**
 * AccessExpiring says that the access token needs to be renewed soon.
 */
export interface AccessExpiring {
  /**
   * Unix milliseconds; the session ends then.
   */
  expiresMs?: string;
}

/**
 * Metadata changes what others know of this peer.
 */
export interface Metadata {
  /**
   * Up to 4 KiB.
   */
  metadata?: string;
}

export interface Leave {
}

export type DescriptionType = "TYPE_UNSPECIFIED" | "OFFER" | "ANSWER";

/**
 * Description carries an SDP from one peer to another. The SFU is the peer
 * named "sfu"; toward it the client is the only one that offers.
 */
export interface Description {
  /**
   * Client to server: whom it is for. Server to client: empty.
   */
  to?: string;
  /**
   * Server to client: who sent it. Client to server: ignored.
   */
  from?: string;
  type?: DescriptionType;
  sdp?: string;
  /**
   * The topology.epoch that a direct connection belongs to; 0 toward the SFU.
   * Messages of another epoch than the present one are dropped.
   */
  epoch?: string;
}

/**
 * Candidate carries one trickled ICE candidate (RFC 8838) from one peer to
 * another. An empty candidate says that there are no more.
 */
export interface Candidate {
  to?: string;
  from?: string;
  /**
   * As in RTCIceCandidateInit: "candidate:…".
   */
  candidate?: string;
  sdpMid?: string;
  sdpMLineIndex?: number;
  usernameFragment?: string;
  /**
   * As in description.
   */
  epoch?: string;
}

/**
 * Peer is one participant.
 */
export interface Peer {
  id?: string;
  name?: string;
  tracks?: Track[];
  /**
   * Who it is beyond this room, from its access token; empty on an open server.
   */
  user?: string;
  /**
   * A word for what it is here, from its access token: "moderator", "guest", …
   */
  role?: string;
  metadata?: string;
  grants?: Grant[];
  /**
   * Neither its signaling nor its media is connected now; it may come back.
   */
  away?: boolean;
  /**
   * When it joined, Unix milliseconds.
   */
  joinedMs?: string;
}

/**
 * RoomSettings is how a room is run.
 */
export interface RoomSettings {
  /**
   * Whatever the application wants peers to know of the room, up to 4 KiB.
   */
  metadata?: string;
  /**
   * Nobody but moderators may join.
   */
  locked?: boolean;
  /**
   * Who joins waits until a moderator lets them in.
   */
  lobby?: boolean;
  maxPeers?: number;
  /**
   * How many messages newcomers get, and how old these may be; 0 messages: none.
   */
  historyMessages?: number;
  historySeconds?: number;
  topology?: TopologyPolicy;
  /**
   * Direct connections go through TURN, so that peers do not learn each other's
   * addresses.
   */
  relayOnly?: boolean;
  /**
   * How long the room stays when nobody is there.
   */
  emptySeconds?: number;
}

/**
 * RoomChange changes settings: those that are there.
 */
export interface RoomChange {
  metadata?: string;
  locked?: boolean;
  lobby?: boolean;
  maxPeers?: number;
  historyMessages?: number;
  historySeconds?: number;
  topology?: TopologyPolicy;
  relayOnly?: boolean;
  emptySeconds?: number;
}

export interface RoomUpdated {
  settings?: RoomSettings;
}

export type TopologyMode = "MODE_UNSPECIFIED" | "SFU" | "P2P";

/**
 * Topology says how the room's media flows. The server alone decides.
 */
export interface Topology {
  mode?: TopologyMode;
  /**
   * Counts up with every change; names the direct connection.
   */
  epoch?: string;
  /**
   * P2P: the other peer.
   */
  peer?: string;
  /**
   * P2P: this client is the polite one of perfect negotiation; the other one
   * offers first.
   */
  polite?: boolean;
  /**
   * P2P: give the direct connection relayed candidates only.
   */
  relayOnly?: boolean;
  /**
   * P2P: both receive over the direct connection; nothing is forwarded to
   * them, and nothing needs to be sent to the SFU.
   */
  moved?: boolean;
}

export type DirectState = "STATE_UNSPECIFIED" | "RECEIVED" | "FAILED";

/**
 * Direct tells how a direct connection fares. Answered by done.
 */
export interface Direct {
  epoch?: string;
  state?: DirectState;
}

/**
 * Knock says that somebody waits to be let in, or no longer does.
 */
export interface Knock {
  peer?: string;
  name?: string;
  user?: string;
  metadata?: string;
  /**
   * It was let in or refused, or went away.
   */
  over?: boolean;
}

export interface ModerateTrackOf {
  peer?: string;
  track?: string;
}

export interface ModerateKick {
  peer?: string;
  /**
   * How long it may not come back; 0: it may at once.
   */
  banSeconds?: number;
}

export interface ModerateChange {
  peer?: string;
  /**
   * All grants that it has from now on.
   */
  grants?: Grant[];
  /**
   * Left out, the role stays.
   */
  role?: string;
}

export interface ModerateEnd {
}

/**
 * Moderate does something to the room or to another peer; it needs the grant
 * ADMIN. Answered by done.
 */
export interface Moderate {
  /**
   * Mutes a track; its publisher can unmute it.
   */
  mute?: ModerateTrackOf;
  /**
   * Ends a track.
   */
  stop?: ModerateTrackOf;
  kick?: ModerateKick;
  grants?: ModerateChange;
  /**
   * Lets in a peer that waits.
   */
  admit?: string;
  /**
   * Turns away a peer that waits.
   */
  refuse?: string;
  room?: RoomChange;
  /**
   * Ends the room for everybody.
   */
  end?: ModerateEnd;
}

/**
 * Track is one published audio or video source.
 */
export interface Track {
  /**
   * Given by the server, unique in the room, never derived from SDP.
   */
  id?: string;
  kind?: Kind;
  /**
   * What it shows: "camera", "microphone", "screen", "screen-audio" or a word
   * of the application's, up to 32 bytes.
   */
  source?: string;
  muted?: boolean;
  /**
   * The media section that carries it; told to the publisher only.
   */
  mid?: string;
  /**
   * What the section sends at once, as the publisher said; told to it only.
   */
  encodings?: Encoding[];
}

/**
 * TrackOffer says what one sending media section of the client carries.
 */
export interface TrackOffer {
  mid?: string;
  kind?: Kind;
  source?: string;
  muted?: boolean;
  /**
   * What the section sends of one picture at once, the smallest first: with
   * simulcast one entry for each rid, otherwise one without a rid, or none.
   * It lets the server choose by size before it has measured anything.
   */
  encodings?: Encoding[];
}

/**
 * Encoding is one size of a track that a client sends.
 */
export interface Encoding {
  /**
   * As in a=rid, up to 16 letters and digits.
   */
  rid?: string;
  /**
   * Of its largest picture, in pixels; 0 while unknown.
   */
  width?: number;
  height?: number;
}

/**
 * Publish declares all that the client's sending media sections carry from
 * now on. A mid that is listed already keeps its track; one that is no longer
 * listed ends it. Answered by published.
 */
export interface Publish {
  tracks?: TrackOffer[];
}

/**
 * Published answers publish: the client's own tracks, in the order asked for.
 */
export interface Published {
  tracks?: Track[];
}

/**
 * Mute stops or starts forwarding of one of the client's own tracks.
 */
export interface Mute {
  track?: string;
  muted?: boolean;
}

/**
 * View says which video a client shows, most important first. From then on
 * video tracks that are not in it are not sent; audio always is. Before the
 * first view, everything is. It holds for later connections to the SFU too.
 */
export interface View {
  shown?: Shown[];
}

/**
 * Shown is one thing on the client's screen.
 */
export interface Shown {
  track?: string;
  /**
   * Size in device pixels.
   */
  width?: number;
  height?: number;
  /**
   * Higher is served first; equal ones in the order of the list.
   */
  priority?: number;
  /**
   * Shown as a still: its slot stays reserved, nothing is sent.
   */
  paused?: boolean;
  /**
   * In the place of a track: the camera of whoever spoke last, and of the next
   * one when there are several such entries. Tracks that are named elsewhere in
   * the view are left out.
   */
  speaker?: boolean;
}

export interface PeerJoined {
  peer?: Peer;
}

export interface PeerUpdated {
  /**
   * All of it but its tracks.
   */
  peer?: Peer;
}

export type PeerLeftReason = "REASON_UNSPECIFIED" | "LEFT" | "LOST" | "CLOSED" | "REMOVED";

export interface PeerLeft {
  peer?: string;
  reason?: PeerLeftReason;
}

export interface TrackPublished {
  peer?: string;
  track?: Track;
}

export interface TrackUpdated {
  peer?: string;
  track?: Track;
}

export interface TrackRemoved {
  peer?: string;
  track?: string;
}

/**
 * TrackDemand tells a publisher what of its track anybody receives. What
 * nobody does need not be sent; it is asked for again the moment somebody does.
 */
export interface TrackDemand {
  track?: string;
  /**
   * Nobody receives any of it.
   */
  paused?: boolean;
  /**
   * Of a simulcast track: the rids that somebody receives.
   */
  rids?: string[];
}

export type QualityCause = "CAUSE_UNSPECIFIED" | "UPLINK" | "DOWNLINK" | "SERVER";

/**
 * Quality tells what does not get through well: all of it, every time. What is
 * not listed is good.
 */
export interface Quality {
  peers?: PeerQuality[];
}

/**
 * PeerQuality is the quality of a peer whose tracks are in the client's slots,
 * as the client receives it; or of the client itself, of its connection both
 * ways.
 */
export interface PeerQuality {
  peer?: string;
  /**
   * From 0, nothing gets through, to 100, nothing is wrong: of the worst part.
   */
  score?: number;
  cause?: QualityCause;
  /**
   * Those of its tracks that do not get through well.
   */
  tracks?: TrackQuality[];
}

/**
 * TrackQuality is the quality of one track.
 */
export interface TrackQuality {
  track?: string;
  score?: number;
  cause?: QualityCause;
}

/**
 * Slots tells the state of a client's slots: all of them, every time.
 */
export interface Slots {
  slots?: Slot[];
}

export type SlotWhy = "WHY_UNSPECIFIED" | "CODEC_NOT_NEGOTIATED" | "PAUSED" | "MUTED" | "BANDWIDTH";

/**
 * Slot is one receive-only media section of the client, and what is in it.
 */
export interface Slot {
  mid?: string;
  kind?: Kind;
  /**
   * The track in it; empty when there is none.
   */
  track?: string;
  /**
   * The peer that publishes that track.
   */
  peer?: string;
  /**
   * Why a slot with a track carries no media.
   */
  why?: SlotWhy;
}

/**
 * Speakers lists who speaks now, loudest first; empty in silence.
 */
export interface Speakers {
  peers?: string[];
}

/**
 * Message is what peers write to each other: chat, or whatever the
 * application emits under a topic.
 */
export interface Message {
  /**
   * Client to server: the peers it is for; empty means everybody else.
   */
  to?: string[];
  /**
   * Server to client: who sent it.
   */
  from?: string;
  /**
   * What it is about, up to 64 bytes: "chat" is what the call page shows.
   */
  topic?: string;
  /**
   * UTF-8 text; JSON for anything structured.
   */
  text?: string;
  /**
   * Server to client: when the server took it, Unix milliseconds.
   */
  sentMs?: string;
  /**
   * A name for this message, up to 64 bytes, by a sender that wants the
   * recipients themselves to answer it.
   */
  ask?: string;
  /**
   * The `ask` that this message answers.
   */
  answers?: string;
  /**
   * In a room's history: what the sender was called, who may have left since.
   */
  name?: string;
}

/**
 * Done answers a message that has no answer of its own: it was carried out.
 */
export interface Done {
}

export interface Ping {
}

export interface Pong {
  /**
   * The server's clock, Unix milliseconds.
   */
  nowMs?: string;
  /**
   * The highest ClientMessage.seq that the server has taken.
   */
  received?: string;
  /**
   * The highest ServerMessage.seq that it has sent.
   */
  sent?: string;
}

export type ErrorCode = "CODE_UNSPECIFIED" | "MALFORMED" | "JOIN_FIRST" | "ALREADY_JOINED" | "BAD_ROOM_NAME" | "BAD_FIELD" | "MESSAGE_TOO_LARGE" | "TOO_MANY_MESSAGES" | "OUT_OF_ORDER" | "BAD_DESCRIPTION" | "NO_COMMON_CODEC" | "BAD_CANDIDATE" | "NO_SUCH_PEER" | "NO_SUCH_TRACK" | "ROOM_FULL" | "TOO_MANY_ROOMS" | "TOO_MANY_TRACKS" | "SLOW" | "SILENT" | "MEDIA_LOST" | "SHUTTING_DOWN" | "INTERNAL" | "ACCESS_REQUIRED" | "ACCESS_DENIED" | "ACCESS_EXPIRED" | "NOT_GRANTED" | "ROOM_LOCKED" | "BANNED" | "REFUSED" | "REMOVED" | "ROOM_ENDED" | "NO_SUCH_SESSION" | "FENCED" | "NO_SUCH_ROOM" | "TOO_MANY_SESSIONS";

/**
 * Error answers a message that was not carried out, or says why the session
 * is about to end.
 */
export interface Error {
  code?: ErrorCode;
  /**
   * A sentence for a person: what happened, what was expected, what to do.
   */
  message?: string;
  /**
   * Whether the same message may succeed later.
   */
  retry?: boolean;
  /**
   * Whether the session ends with this error.
   */
  fatal?: boolean;
}
