package main

// What runs in the lab's pages. Each is an expression for evaluate, and leaves
// its samples in window.lab.

// labSampling takes a sample every so often; the page's clock is the machine's.
const labSampling = `
	const lab = window.lab = { samples: [], errors: [] };
	const keep = async (every, sample) => {
		try {
			lab.samples.push({ At: performance.timeOrigin + performance.now(), ...await sample() });
		} catch (error) {
			lab.errors.push(String(error));
		}
		setTimeout(() => keep(every, sample), every);
	};`

// labPublish joins with camera and microphone. Room, width, height and frame
// rate are to be filled in.
const labPublish = `(async () => {` + labSampling + `
	const { connect } = await import('/sdk/hiroba.js');
	const media = await navigator.mediaDevices.getUserMedia({
		audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
		video: { width: %[2]d, height: %[3]d, frameRate: %[4]d },
	});
	lab.room = await connect({
		room: %[1]q, name: 'the publisher', direct: false,
		tracks: media.getTracks().map((track) => ({ track, source: track.kind === 'video' ? 'camera' : 'microphone' })),
	});
	const flow = (s) => ({
		Bytes: s.bytesSent + s.headerBytesSent - (s.retransmittedBytesSent ?? 0),
		Packets: s.packetsSent - (s.retransmittedPacketsSent ?? 0),
	});
	keep(500, async () => {
		const out = { Frames: 0, NACKs: 0, Resent: 0, Layers: [], Audio: { Bytes: 0, Packets: 0 } };
		const camera = connections.at(-1).getSenders().find((sender) => sender.track?.kind === 'video');
		const most = Object.fromEntries((camera?.getParameters().encodings ?? []).map((e) => [e.rid ?? '', e.maxBitrate ?? 0]));
		for (const s of (await connections.at(-1).getStats()).values()) {
			if (s.type === 'media-source' && s.kind === 'video') out.Frames = s.frames ?? 0;
			if (s.type !== 'outbound-rtp') continue;
			out.NACKs += s.nackCount ?? 0;
			out.Resent += s.retransmittedPacketsSent ?? 0;
			if (s.kind === 'audio') out.Audio = flow(s);
			else out.Layers.push({
				RID: s.rid ?? '', Most: most[s.rid ?? ''] ?? 0, Width: s.frameWidth ?? 0, Height: s.frameHeight ?? 0, Encoded: s.framesEncoded ?? 0,
				Limited: s.qualityLimitationReason ?? '', ...flow(s),
			});
		}
		return out;
	});
})()`

// labShare publishes the camera's picture once more, as a screen.
const labShare = `(async () => {
	const camera = connections.at(-1).getSenders().find((sender) => sender.track?.kind === 'video').track;
	await lab.room.publish(camera.clone(), { source: 'screen' });
})()`

// labSwitch joins and shows camera and screen in turns, the camera small, as
// often and for as many milliseconds each as told. lab.switches is how many it
// took each time from asking until a frame of the other was shown. Room, count
// and time are to be filled in.
const labSwitch = `(async () => {
	const lab = window.lab = { switches: [] };
	const { connect } = await import('/sdk/hiroba.js');
	const video = document.createElement('video');
	Object.assign(video, { autoplay: true, playsInline: true, muted: true, srcObject: new MediaStream() });
	document.body.append(video);
	let framed = () => {};
	const watch = (_, frame) => {
		framed(frame.width);
		video.requestVideoFrameCallback(watch);
	};
	video.requestVideoFrameCallback(watch);
	const room = await connect({ room: %[1]q, name: 'the viewer', direct: false });
	let shown = '';
	const put = () => {
		const media = shown && room.media(shown);
		if (media && video.srcObject.getVideoTracks()[0] !== media) video.srcObject = new MediaStream([media]);
	};
	room.on('media', put);
	const sizes = { camera: [320, 180], screen: [1280, 720] };
	const show = (source) => {
		const track = [...room.peers.values()].flatMap((p) => [...p.tracks.values()]).find((t) => t.source === source);
		const began = performance.now();
		const [width, height] = sizes[source];
		const took = new Promise((resolve) => {
			framed = (got) => (got > 640) === (width > 640) && resolve(performance.now() - began);
		});
		shown = track.id;
		room.view([{ track: track.id, width, height }]);
		put();
		return took;
	};
	(async () => {
		const sources = ['camera', 'screen'];
		for (let n = 0; n <= %[2]d; n++) {
			const took = await show(sources[n %% 2]);
			if (n > 0) lab.switches.push(took); // the first one waits for the connection
			await new Promise((resolve) => setTimeout(resolve, %[3]d + 7 * n));
		}
	})();
})()`

// labReceive joins and shows the camera. Room, name, width and height of the
// view are to be filled in.
const labReceive = `(async () => {` + labSampling + `
	const { connect } = await import('/sdk/hiroba.js');
	const video = document.createElement('video');
	Object.assign(video, { autoplay: true, playsInline: true, srcObject: new MediaStream() });
	video.style.width = '160px';
	document.body.append(video);
	const room = await connect({ room: %[1]q, name: %[2]q, direct: false });
	room.on('media', ({ track, mediaStreamTrack }) => {
		const shown = video.srcObject;
		for (const old of shown.getTracks()) if (old.kind === track.kind && old !== mediaStreamTrack) shown.removeTrack(old);
		if (mediaStreamTrack) shown.addTrack(mediaStreamTrack);
		if (track.kind === 'video') room.view([{ track: track.id, width: %[3]d, height: %[4]d }]);
	});
	// Of all slots, since the server may use another one after a while.
	keep(100, async () => {
		const out = {
			Width: 0, Height: 0, Decoded: 0, Freezes: 0, Frozen: 0, Processing: 0, NACKs: 0, PLIs: 0, Concealed: 0, Played: 0,
		};
		const shown = video.srcObject.getVideoTracks()[0]?.id;
		for (const s of (await connections.at(-1).getStats()).values()) {
			if (s.type !== 'inbound-rtp') continue;
			out.Decoded += s.framesDecoded ?? 0;
			out.Freezes += s.freezeCount ?? 0;
			out.Frozen += s.totalFreezesDuration ?? 0;
			out.Concealed += s.concealedSamples ?? 0;
			if (s.kind === 'audio') {
				out.Played += s.totalSamplesReceived ?? 0;
				continue;
			}
			out.Processing += s.totalProcessingDelay ?? 0;
			out.NACKs += s.nackCount ?? 0;
			out.PLIs += s.pliCount ?? 0;
			if (s.trackIdentifier === shown) [out.Width, out.Height] = [s.frameWidth ?? 0, s.frameHeight ?? 0];
		}
		return out;
	});
})()`
