// Package protocol is the schema of Hiroba's signaling: the messages of
// hiroba.v1, their two encodings and the errors they carry.
package protocol

//go:generate go run ./generate
