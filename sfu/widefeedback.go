package sfu

import (
	"encoding/binary"
	"sync"

	"github.com/pion/rtcp"
)

// wideFeedback is transport-wide feedback
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1) with storage that is
// used again: every receiver sends some ten of them a second, which the rtcp
// package takes an allocation apiece for each packet they tell of.
type wideFeedback struct {
	rtcp.TransportLayerCC
	runs    []rtcp.RunLengthChunk
	vectors []rtcp.StatusVectorChunk
	symbols []uint16 // of the vectors
	deltas  []rtcp.RecvDelta
}

const (
	wideFeedbackHeader = 20
	// wideDeltaUnit is what deltas count, in microseconds.
	wideDeltaUnit = 250
	// vectorMost is how many packets one status vector tells of.
	vectorMost = 14
)

var wideFeedbacks = sync.Pool{New: func() any { return new(wideFeedback) }}

// isWideFeedback says whether an RTCP packet is one.
func isWideFeedback(packet []byte) bool {
	return len(packet) >= wideFeedbackHeader && packet[0]&0x1f == rtcp.FormatTCC && packet[1] == uint8(rtcp.TypeTransportSpecificFeedback)
}

// read takes a packet apart. It is false for one that is malformed. The packet
// may be used for something else then.
func (f *wideFeedback) read(packet []byte) bool {
	f.SenderSSRC = binary.BigEndian.Uint32(packet[4:])
	f.MediaSSRC = binary.BigEndian.Uint32(packet[8:])
	f.BaseSequenceNumber = binary.BigEndian.Uint16(packet[12:])
	f.PacketStatusCount = binary.BigEndian.Uint16(packet[14:])
	f.ReferenceTime = binary.BigEndian.Uint32(packet[16:]) >> 8
	f.FbPktCount = packet[19]
	rest := packet[wideFeedbackHeader:]

	chunks := 0
	for told := 0; told < int(f.PacketStatusCount); chunks++ {
		if len(rest) < 2*(chunks+1) {
			return false
		}
		chunk := binary.BigEndian.Uint16(rest[2*chunks:])
		switch {
		case chunk>>15 == 0:
			told += int(chunk & 0x1fff)
			if chunk&0x1fff == 0 {
				return false // it tells nothing
			}
		case chunk>>14 == 2:
			told += vectorMost
		default:
			told += vectorMost / 2
		}
	}
	f.reserve(chunks)
	deltas := rest[2*chunks:]
	left := int(f.PacketStatusCount)
	for i := range chunks {
		chunk := binary.BigEndian.Uint16(rest[2*i:])
		if chunk>>15 == 0 {
			symbol, n := chunk>>13&3, min(int(chunk&0x1fff), left)
			f.runs = append(f.runs, rtcp.RunLengthChunk{Type: rtcp.TypeTCCRunLengthChunk, PacketStatusSymbol: symbol, RunLength: uint16(n)})
			f.PacketChunks = append(f.PacketChunks, &f.runs[len(f.runs)-1])
			left -= n
			for ; n > 0 && symbol != rtcp.TypeTCCPacketNotReceived; n-- {
				if deltas = f.delta(symbol, deltas); deltas == nil {
					return false
				}
			}
			continue
		}
		first := len(f.symbols)
		width := 1 + chunk>>14&1
		n := min(vectorMost/int(width), left)
		left -= n
		for k := range n {
			symbol := chunk >> (vectorMost - int(width)*(k+1)) & (1<<width - 1)
			f.symbols = append(f.symbols, symbol)
			if symbol == rtcp.TypeTCCPacketNotReceived {
				continue
			}
			if deltas = f.delta(symbol, deltas); deltas == nil {
				return false
			}
		}
		f.vectors = append(f.vectors, rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: width - 1, SymbolList: f.symbols[first:]})
		f.PacketChunks = append(f.PacketChunks, &f.vectors[len(f.vectors)-1])
	}
	for i := range f.deltas {
		f.RecvDeltas = append(f.RecvDeltas, &f.deltas[i])
	}
	return true
}

// reserve makes room for so many chunks, which must not move any more.
func (f *wideFeedback) reserve(chunks int) {
	if cap(f.runs) < chunks {
		f.runs, f.vectors = make([]rtcp.RunLengthChunk, 0, 2*chunks), make([]rtcp.StatusVectorChunk, 0, 2*chunks)
	}
	if cap(f.symbols) < vectorMost*chunks {
		f.symbols = make([]uint16, 0, 2*vectorMost*chunks)
	}
	f.runs, f.vectors, f.symbols, f.deltas = f.runs[:0], f.vectors[:0], f.symbols[:0], f.deltas[:0]
	f.PacketChunks, f.RecvDeltas = f.PacketChunks[:0], f.RecvDeltas[:0]
}

// delta reads the time of one packet, and returns what is left; nil when that
// was too little, or the symbol is none of a packet that came.
func (f *wideFeedback) delta(symbol uint16, from []byte) []byte {
	switch {
	case symbol == rtcp.TypeTCCPacketReceivedSmallDelta && len(from) >= 1:
		f.deltas = append(f.deltas, rtcp.RecvDelta{Type: symbol, Delta: wideDeltaUnit * int64(from[0])})
		return from[1:]
	case symbol == rtcp.TypeTCCPacketReceivedLargeDelta && len(from) >= 2:
		f.deltas = append(f.deltas, rtcp.RecvDelta{Type: symbol, Delta: wideDeltaUnit * int64(int16(binary.BigEndian.Uint16(from)))})
		return from[2:]
	}
	return nil
}
