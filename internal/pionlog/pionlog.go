// Package pionlog brings the logs of the pion libraries into slog.
package pionlog

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// Factory makes a logger for each part of a pion library. What pion calls an
// error or a warning is mostly a stranger's doing (a packet that does not
// parse, a connection that breaks), so nothing is logged above debug.
type Factory struct{ Logger *slog.Logger }

// NewLogger makes the logger of one part.
func (f Factory) NewLogger(scope string) logging.LeveledLogger {
	return leveled{f.Logger.With("library", "pion", "part", scope)}
}

type leveled struct{ log *slog.Logger }

// levelTrace is below debug: every packet.
const levelTrace = slog.LevelDebug - 4

func (l leveled) write(level slog.Level, message string) {
	l.log.Log(context.Background(), level, message)
}

func (l leveled) writef(level slog.Level, format string, args ...any) {
	if l.log.Enabled(context.Background(), level) {
		l.write(level, fmt.Sprintf(format, args...))
	}
}

func (l leveled) Trace(message string)              { l.write(levelTrace, message) }
func (l leveled) Tracef(format string, args ...any) { l.writef(levelTrace, format, args...) }
func (l leveled) Debug(message string)              { l.write(levelTrace, message) }
func (l leveled) Debugf(format string, args ...any) { l.writef(levelTrace, format, args...) }
func (l leveled) Info(message string)               { l.write(levelTrace, message) }
func (l leveled) Infof(format string, args ...any)  { l.writef(levelTrace, format, args...) }
func (l leveled) Warn(message string)               { l.write(slog.LevelDebug, message) }
func (l leveled) Warnf(format string, args ...any)  { l.writef(slog.LevelDebug, format, args...) }
func (l leveled) Error(message string)              { l.write(slog.LevelDebug, message) }
func (l leveled) Errorf(format string, args ...any) { l.writef(slog.LevelDebug, format, args...) }
