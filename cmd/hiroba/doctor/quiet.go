package doctor

import "github.com/pion/logging"

// quiet is the libraries' log: what goes wrong is told in the report.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}
