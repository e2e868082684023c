/**
 * The client SDK of Hiroba: rooms with audio, video, messages and data, from a
 * browser, without a build step.
 *
 *     import { connect } from '/sdk/hiroba.js';
 *
 *     const camera = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
 *     const room = await connect({ room: 'tea', name: 'Ann', tracks: camera.getTracks().map((track) => ({ track })) });
 *     room.on('media', ({ track, mediaStreamTrack }) => {
 *       const player = document.getElementById(track.id) ?? document.body.appendChild(document.createElement(track.kind));
 *       Object.assign(player, { id: track.id, autoplay: true });
 *       player.srcObject = mediaStreamTrack && new MediaStream([mediaStreamTrack]);
 *     });
 *     room.on('track-removed', (track) => document.getElementById(track.id)?.remove());
 *     room.on('message:chat', ({ from, text }) => console.log(room.peers.get(from)?.name, text));
 *     await room.emit('chat', 'hello');
 *
 * The words are those of docs/protocol.md. A **peer** is a participant, a
 * **track** one audio or video source that a peer publishes. What this client
 * receives comes in **slots**: a track that is not in a slot has no media for
 * now, so `mediaStreamTrack` may be null and change while the track lives.
 *
 * Everything that fails, fails with a HirobaError: `message` is for people,
 * `code` for programs, `retry` says whether trying again makes sense.
 *
 * @module
 */

import { Room } from './room.js';

export { diagnose, LEGS } from './diagnosis.js';
export { HirobaError } from './errors.js';
export { Moderation } from './moderation.js';
export { Publication } from './publication.js';
export { Room } from './room.js';

/**
 * Joins a room; see Room for all it can do from there.
 *
 * @param {import('./room.js').ConnectOptions} options
 * @returns {Promise<Room>} rejects with HirobaError when the server cannot be
 *   reached or does not let this peer in
 */
export function connect(options) {
  return Room.connect(options);
}

/** @typedef {import('./attachment.js').Reconnecting} Reconnecting */
/** @typedef {import('./carrier.js').TransportName} TransportName */
/** @typedef {import('./data.js').SendOptions} SendOptions */
/** @typedef {import('./diagnosis.js').DiagnoseOptions} DiagnoseOptions */
/** @typedef {import('./diagnosis.js').Leg} Leg */
/** @typedef {import('./diagnosis.js').LegCause} LegCause */
/** @typedef {import('./diagnosis.js').LegResult} LegResult */
/** @typedef {import('./errors.js').HirobaErrorCode} HirobaErrorCode */
/** @typedef {import('./layers.js').Demand} Demand */
/** @typedef {import('./publication.js').PublishOptions} PublishOptions */
/** @typedef {import('./reception.js').MediaChange} MediaChange */
/** @typedef {import('./room.js').ConnectOptions} ConnectOptions */
/** @typedef {import('./room-events.js').DataMissed} DataMissed */
/** @typedef {import('./room-events.js').DataProgress} DataProgress */
/** @typedef {import('./room-events.js').Knock} Knock */
/** @typedef {import('./room-events.js').PeerSignal} PeerSignal */
/** @typedef {import('./room-events.js').RoomData} RoomData */
/** @typedef {import('./room-events.js').RoomEvents} RoomEvents */
/** @typedef {import('./room-events.js').RoomMessage} RoomMessage */
/** @typedef {import('./room-events.js').RoomState} RoomState */
/** @typedef {import('./quality.js').Quality} Quality */
/** @typedef {import('./roster.js').LeftReason} LeftReason */
/** @typedef {import('./roster.js').Peer} Peer */
/** @typedef {import('./roster.js').Track} Track */
/** @typedef {import('./settings.js').Grant} Grant */
/** @typedef {import('./settings.js').RoomSettings} RoomSettings */
/** @typedef {import('./settings.js').Topology} Topology */
/** @typedef {import('./slots.js').Why} Why */
/** @typedef {import('./view.js').Shown} Shown */
