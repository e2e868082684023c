//go:build !linux

package port

import "net"

func readQuickly(conn *net.TCPConn, b []byte) (int, error)  { return conn.Read(b) }
func writeQuickly(conn *net.TCPConn, b []byte) (int, error) { return conn.Write(b) }

// sendOnce is not needed: no connection is held.
func sendOnce(*net.TCPConn, []byte) {}
