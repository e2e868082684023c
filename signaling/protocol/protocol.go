// Package protocol is the schema of Hiroba's signaling: the messages of
// hiroba.v1, their two encodings and the errors they carry.
//
// signal.proto is the source; signal.pb.go and the SDK's messages.d.ts are
// made from it.
package protocol

//go:generate go run ./generate

// SFU is the peer id of the server's own media side: descriptions and
// candidates for it are addressed like those for any other peer.
const SFU = "sfu"
