package sfu

import "github.com/pion/logging"

// quiet is used where no logger factory is given.
func quiet() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}
}
