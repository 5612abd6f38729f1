// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// An application that goes out properly: Gin. Argument: the address with its port.
package main

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

var (
	accepting atomic.Bool
	inFlight  atomic.Int64
)

// Each request counts until its answer has been sent, those to /internal/ not.
func counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if !strings.HasPrefix(request.URL.Path, "/internal/") {
			inFlight.Add(1)
			defer inFlight.Add(-1)
		}
		next.ServeHTTP(answer, request)
		if flusher, able := answer.(http.Flusher); able {
			flusher.Flush()
		}
	})
}

func main() {
	accepting.Store(true)
	gin.SetMode(gin.ReleaseMode)
	app := gin.New()

	// Whoever looks sends work only while this answers 200.
	app.GET("/internal/ready", func(context *gin.Context) {
		status := http.StatusOK
		if !accepting.Load() {
			status = http.StatusServiceUnavailable
		}
		context.JSON(status, gin.H{"accepting": accepting.Load()})
	})

	app.GET("/internal/status", func(context *gin.Context) {
		context.JSON(http.StatusOK, gin.H{"accepting": accepting.Load(), "in_flight": inFlight.Load()})
	})

	// Take no new work: those who look stop sending. What comes until they have looked is still served.
	app.POST("/internal/prepare-shutdown", func(context *gin.Context) {
		accepting.Store(false)
		// A consumer of messages leaves its group here, and counts what it has in hand in inFlight.
		context.JSON(http.StatusOK, gin.H{"accepting": false})
	})

	// It was not restarted after all.
	app.POST("/internal/resume", func(context *gin.Context) {
		accepting.Store(true)
		context.JSON(http.StatusOK, gin.H{"accepting": true})
	})

	// Its work.
	app.POST("/serve/:milliseconds", func(context *gin.Context) {
		milliseconds, _ := strconv.Atoi(context.Param("milliseconds"))
		time.Sleep(time.Duration(milliseconds) * time.Millisecond)
		context.JSON(http.StatusOK, gin.H{"pid": os.Getpid()})
	})

	if err := http.ListenAndServe(os.Args[1], counted(app)); err != nil {
		panic(err)
	}
}
