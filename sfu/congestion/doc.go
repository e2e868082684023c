// Package congestion decides how much goes to a receiver, and what of it: a
// send-side bandwidth estimate from transport-wide feedback after Google
// Congestion Control (draft-ietf-rmcat-gcc-02), probing, the allocation of
// layers to slots, and which layers of a track anybody wants at all. Nothing
// here has a clock, a socket or a goroutine; time comes in as an argument.
// Rates are in bits per second, sizes in bytes.
package congestion
