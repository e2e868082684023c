package forward

// av1StartsKeyframe reads the N bit of the aggregation header (AV1 RTP
// specification, 4.4): the packet is the first of a coded video sequence.
func av1StartsKeyframe(payload []byte) bool {
	return len(payload) > 1 && payload[0]&0x08 != 0
}
