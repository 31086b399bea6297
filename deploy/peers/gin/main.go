// The service's endpoints in Go, as a competent user of gin and pgx writes them: one process on all cores, a pool of
// prepared statements (pgx prepares and caches each by itself), a transaction where a request has several rows, a batch
// (https://pkg.go.dev/github.com/jackc/pgx/v5#Batch) where it asks for bulk. https://pkg.go.dev/github.com/jackc/pgx/v5/pgxpool
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	_ "net/http/pprof" // The profile that the lab asks for, on the admin port alone.
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	text       = "a row of the insert test"
	insertText = "INSERT INTO simple_text (text) VALUES ($1) RETURNING id"
	grace      = 10 * time.Second
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	pool, err := connect(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()

	server := &http.Server{
		Addr:              env("HOST", "127.0.0.1") + ":" + env("PORT", "8000"),
		Handler:           routes(pool),
		ReadHeaderTimeout: 10 * time.Second,
	}
	failed := make(chan error, 2)
	if port := os.Getenv("ADMIN_PORT"); port != "" {
		address := env("ADMIN_HOST", "127.0.0.1") + ":" + port
		go func() { failed <- http.ListenAndServe(address, http.DefaultServeMux) }()
	}
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drained, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return server.Shutdown(drained)
}

func connect(ctx context.Context) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	size, err := strconv.ParseInt(env("POOL_SIZE", "20"), 10, 32)
	if err != nil {
		return nil, errors.New("POOL_SIZE is a number")
	}
	config.MaxConns = int32(size)
	return pgxpool.NewWithConfig(ctx, config)
}

func routes(pool *pgxpool.Pool) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	// Not gin.Default(): it logs every request.
	router := gin.New()
	router.Use(gin.Recovery())

	router.GET("/ping/", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"ping": "pong"})
	})
	router.GET("/readyz", func(c *gin.Context) {
		if err := pool.Ping(c); err != nil {
			c.JSON(http.StatusServiceUnavailable, gin.H{"status": err.Error()})
			return
		}
		c.JSON(http.StatusOK, gin.H{"status": "ready"})
	})
	router.GET("/test-insert", testInsert(pool))
	tasks{pool}.register(router)
	return router
}

type insertQuery struct {
	Rows int  `form:"rows,default=1" binding:"min=1,max=1000"`
	Bulk bool `form:"bulk"`
}

type insertAnswer struct {
	ID          int64    `json:"id"`
	Duration    float64  `json:"duration"`
	CPUDuration *float64 `json:"cpu_duration"`
}

// CPU is not told: goroutines move between threads, so no clock of a thread or the process is one request's.
func testInsert(pool *pgxpool.Pool) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		var query insertQuery
		if err := c.ShouldBindQuery(&query); err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
			return
		}
		insert := insertEach
		if query.Bulk {
			insert = insertBatch
		}
		id, err := insert(c, pool, query.Rows)
		if err != nil {
			fail(c, err)
			return
		}
		c.JSON(http.StatusOK, insertAnswer{ID: id, Duration: time.Since(start).Seconds()})
	}
}

func insertEach(ctx context.Context, pool *pgxpool.Pool, rows int) (first int64, err error) {
	if rows == 1 {
		err = pool.QueryRow(ctx, insertText, text).Scan(&first)
		return first, err
	}
	tx, err := pool.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	for row := range rows {
		var id int64
		if err := tx.QueryRow(ctx, insertText, text).Scan(&id); err != nil {
			return 0, err
		}
		if row == 0 {
			first = id
		}
	}
	return first, tx.Commit(ctx)
}

// One round trip, and one implicit transaction.
func insertBatch(ctx context.Context, pool *pgxpool.Pool, rows int) (first int64, err error) {
	batch := &pgx.Batch{}
	for range rows {
		batch.Queue(insertText, text)
	}
	results := pool.SendBatch(ctx, batch)
	err = results.QueryRow().Scan(&first)
	return first, errors.Join(err, results.Close())
}

func fail(c *gin.Context, err error) {
	log.Print(err)
	c.JSON(http.StatusInternalServerError, gin.H{"error": "the database did not answer"})
}

func env(name, otherwise string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return otherwise
}
