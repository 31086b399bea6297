package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const columns = "id, title, done, created_at"

// The tasks API of the second report.
type tasks struct{ pool *pgxpool.Pool }

type task struct {
	ID        int64     `json:"id"`
	Title     string    `json:"title"`
	Done      bool      `json:"done"`
	CreatedAt time.Time `json:"createdAt"`
}

type page struct {
	Items []task  `json:"items"`
	Next  *string `json:"next"`
}

type pageQuery struct {
	After string `form:"after"`
	Limit int    `form:"limit,default=25" binding:"min=1,max=100"`
}

type newTask struct {
	Title string `json:"title" binding:"required,max=200"`
}

type taskChange struct {
	Title string `json:"title" binding:"required,max=200"`
	Done  *bool  `json:"done" binding:"required"`
}

func (t tasks) register(router gin.IRouter) {
	router.GET("/tasks/", t.list)
	router.POST("/tasks/", t.create)
	router.GET("/tasks/:id", t.find)
	router.PUT("/tasks/:id", t.update)
	router.DELETE("/tasks/:id", t.remove)
}

func (t tasks) list(c *gin.Context) {
	var query pageQuery
	if err := c.ShouldBindQuery(&query); err != nil {
		refuse(c, err)
		return
	}
	after, err := decodeCursor(query.After)
	if err != nil {
		refuse(c, err)
		return
	}
	// One more than asked for tells whether there is a next page.
	found, err := t.query(c, "SELECT "+columns+" FROM tasks WHERE id > $1 ORDER BY id LIMIT $2", after, query.Limit+1)
	if err != nil {
		fail(c, err)
		return
	}
	answer := page{Items: found}
	if len(found) > query.Limit {
		answer.Items = found[:query.Limit]
		next := encodeCursor(answer.Items[query.Limit-1].ID)
		answer.Next = &next
	}
	c.JSON(http.StatusOK, answer)
}

func (t tasks) create(c *gin.Context) {
	var body newTask
	if err := c.ShouldBindJSON(&body); err != nil {
		refuse(c, err)
		return
	}
	t.answer(c, http.StatusCreated, "INSERT INTO tasks (title) VALUES ($1) RETURNING "+columns, body.Title)
}

func (t tasks) find(c *gin.Context) {
	if id, ok := idOf(c); ok {
		t.answer(c, http.StatusOK, "SELECT "+columns+" FROM tasks WHERE id = $1", id)
	}
}

func (t tasks) update(c *gin.Context) {
	id, ok := idOf(c)
	if !ok {
		return
	}
	var body taskChange
	if err := c.ShouldBindJSON(&body); err != nil {
		refuse(c, err)
		return
	}
	t.answer(c, http.StatusOK, "UPDATE tasks SET title = $2, done = $3 WHERE id = $1 RETURNING "+columns, id, body.Title, *body.Done)
}

func (t tasks) remove(c *gin.Context) {
	id, ok := idOf(c)
	if !ok {
		return
	}
	done, err := t.pool.Exec(c, "DELETE FROM tasks WHERE id = $1", id)
	switch {
	case err != nil:
		fail(c, err)
	case done.RowsAffected() == 0:
		c.Status(http.StatusNotFound)
	default:
		c.Status(http.StatusNoContent)
	}
}

// answer sends the one task that the statement gives, or 404.
func (t tasks) answer(c *gin.Context, status int, statement string, values ...any) {
	found, err := t.query(c, statement, values...)
	switch {
	case err != nil:
		fail(c, err)
	case len(found) == 0:
		c.Status(http.StatusNotFound)
	default:
		c.JSON(status, found[0])
	}
}

func (t tasks) query(c *gin.Context, statement string, values ...any) ([]task, error) {
	rows, err := t.pool.Query(c, statement, values...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[task])
}

func idOf(c *gin.Context) (int64, bool) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		refuse(c, errors.New("an id is a whole number from 1"))
		return 0, false
	}
	return id, true
}

func refuse(c *gin.Context, err error) {
	c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
}

func encodeCursor(id int64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "task:%d", id))
}

func decodeCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	number, isTask := strings.CutPrefix(string(text), "task:")
	id, parseErr := strconv.ParseInt(number, 10, 64)
	if err != nil || !isTask || parseErr != nil || id < 1 {
		return 0, errors.New("take `after` from the `next` of a page")
	}
	return id, nil
}
