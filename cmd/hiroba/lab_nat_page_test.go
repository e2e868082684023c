package main

// natJoin joins with a small camera and a microphone, and shows the other's
// camera. Room, name and the policy on ICE are to be filled in.
const natJoin = `(async () => {
	const { connect } = await import('/sdk/hiroba.js');
	const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180, frameRate: 10 } });
	const video = document.createElement('video');
	Object.assign(video, { autoplay: true, playsInline: true, muted: true, srcObject: new MediaStream() });
	document.body.append(video);
	const room = await connect({
		room: %[1]q, name: %[2]q, iceTransportPolicy: %[3]q,
		tracks: media.getTracks().map((track) => ({ track, source: track.kind === 'video' ? 'camera' : 'microphone' })),
	});
	window.lab = { room };
	room.on('media', ({ track, mediaStreamTrack }) => {
		if (track.kind !== 'video') return;
		video.srcObject = new MediaStream(mediaStreamTrack ? [mediaStreamTrack] : []);
		room.view([{ track: track.id, width: 320, height: 180 }]);
	});
})()`

// natWay is how a page's media travels: the types of the candidates in use, what
// carries a page to its relay, and how many frames came that way.
type natWay struct {
	page              string
	Own, Relay, Other string
	Frames            int
}

// natRoute is the natWay of the page's latest connection: the one to the other
// page, if there is one, and else the one to the SFU.
const natRoute = `(async () => {
	const stats = await connections.at(-1).getStats();
	const way = { Own: '', Relay: '', Other: '', Frames: 0 };
	for (const s of stats.values()) {
		if (s.type === 'inbound-rtp' && s.kind === 'video') way.Frames += s.framesDecoded ?? 0;
		if (s.type !== 'transport' || !s.selectedCandidatePairId) continue;
		const pair = stats.get(s.selectedCandidatePairId);
		const own = stats.get(pair.localCandidateId);
		way.Own = own.candidateType;
		way.Relay = own.relayProtocol ?? '';
		way.Other = stats.get(pair.remoteCandidateId).candidateType;
	}
	return way;
})()`

// natGather asks one relay for a candidate and says what came of it. URL, user
// name and password are to be filled in.
const natGather = `(async () => {
	const server = { urls: %q, username: %q, credential: %q };
	const c = new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: 'relay' });
	const out = { Relayed: [], Errors: [] };
	const complete = new Promise((resolve) => {
		c.onicecandidate = ({ candidate }) => {
			if (candidate?.candidate) out.Relayed.push(candidate.type + ' over ' + candidate.relayProtocol);
			if (!candidate) resolve();
		};
	});
	c.onicecandidateerror = ({ url, errorCode, errorText }) => out.Errors.push([url, errorCode, errorText].join(' '));
	c.createDataChannel('');
	await c.setLocalDescription();
	await complete;
	c.close();
	return out;
})()`
