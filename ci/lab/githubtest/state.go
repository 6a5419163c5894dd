package githubtest

import (
	"maps"
	"sort"
	"time"
)

// User is somebody on the double.
type User struct {
	Login string `json:"login"`
	ID    int64  `json:"id"`
	Type  string `json:"type"` // "User" or "Bot"
}

// Label is a label of an issue.
type Label struct {
	Name string `json:"name"`
}

// Issue is an issue or, when Pull is set, the issue side of a pull request.
type Issue struct {
	Number    int       `json:"number"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	State     string    `json:"state"` // "open" or "closed"
	User      User      `json:"user"`
	Labels    []Label   `json:"labels"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Edits     int       `json:"edits"`
	Pull      *Pull     `json:"-"`
}

// Pull is what a pull request has beyond its issue.
type Pull struct {
	Head        string     `json:"head"` // a branch
	HeadSHA     string     `json:"head_sha"`
	Base        string     `json:"base"`
	MergeCommit string     `json:"merge_commit_sha"`
	MergedAt    *time.Time `json:"merged_at"`
	// commits are all that were ever its head, and those that a merge made of them:
	// GitHub finds a pull request by them too.
	commits []string
	reviews []Review
}

// Review is what somebody thinks of a pull request.
type Review struct {
	User        User
	State       string // "APPROVED", "CHANGES_REQUESTED", "COMMENTED" or "DISMISSED"
	Commit      string // the head that was looked at
	CanPush     bool   // whether the author may push
	SubmittedAt time.Time
}

// Status is a status of a commit.
type Status struct {
	SHA         string    `json:"sha"`
	State       string    `json:"state"` // "error", "failure", "pending" or "success"
	TargetURL   string    `json:"target_url"`
	Description string    `json:"description"`
	Context     string    `json:"context"`
	CreatedAt   time.Time `json:"created_at"`
}

// Comment is a comment on an issue or a pull request.
type Comment struct {
	ID        int64     `json:"id"`
	Number    int       `json:"number"`
	Body      string    `json:"body"`
	User      User      `json:"user"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Edits     int       `json:"edits"`
	history   []edit
}

// edit is a version of a comment, the first one among them once there is a second.
type edit struct {
	by User
	at time.Time
}

// PullState is one pull request in a State.
type PullState struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	State  string `json:"state"`
	Pull
	Merged bool `json:"merged"`
}

// State is everything the double holds, oldest first. Issues leaves out the issue
// side of pull requests.
type State struct {
	Pulls    []PullState `json:"pulls"`
	Comments []Comment   `json:"comments"`
	Issues   []Issue     `json:"issues"`
	Statuses []Status    `json:"statuses"`
	// Branches are those that the API knows of, not those of Options.Git.
	Branches   map[string]string `json:"branches"`
	Commits    map[string]Commit `json:"commits"`
	Dispatches []Dispatch        `json:"dispatches"`
}

// State returns a copy of what the double holds.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := State{Pulls: []PullState{}, Comments: []Comment{}, Issues: []Issue{}}
	for _, issue := range s.sortedIssues() {
		if issue.Pull == nil {
			state.Issues = append(state.Issues, *issue)
			continue
		}
		state.Pulls = append(state.Pulls, PullState{
			Number: issue.Number, Title: issue.Title, State: issue.State,
			Pull: *issue.Pull, Merged: issue.Pull.MergedAt != nil,
		})
	}
	for _, comment := range s.comments {
		state.Comments = append(state.Comments, *comment)
	}
	state.Statuses = append([]Status{}, s.statuses...)
	state.Branches, state.Commits, state.Dispatches = maps.Clone(s.branches), maps.Clone(s.commits), append([]Dispatch{}, s.dispatches...)
	return state
}

// Requests returns how often each call was made, by method and path without the
// repository: "POST /issues/1/comments".
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{}
	for call, count := range s.requests {
		counts[call] = count
	}
	return counts
}

func (s *Server) sortedIssues() []*Issue {
	issues := make([]*Issue, 0, len(s.issues))
	for _, issue := range s.issues {
		issues = append(issues, issue)
	}
	sort.Slice(issues, func(i, j int) bool { return issues[i].Number < issues[j].Number })
	return issues
}

// open makes an issue under the next number, or under the wanted one.
func (s *Server) open(number int, title, body string, user User) *Issue {
	if number == 0 {
		number = s.lastNumber + 1
	}
	s.lastNumber = max(s.lastNumber, number)
	now := s.now()
	issue := &Issue{Number: number, Title: title, Body: body, State: "open", User: user,
		Labels: []Label{}, CreatedAt: now, UpdatedAt: now}
	s.issues[number] = issue
	return issue
}

// OpenPull opens a pull request, or updates the open one of that number: its title,
// branches and head. Number 0 takes the next number. It returns the number.
func (s *Server) OpenPull(number int, title, head, base, headSHA string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	issue := s.issues[number]
	if issue == nil || issue.Pull == nil {
		issue = s.open(number, title, "", s.author)
		issue.Pull = &Pull{}
	}
	issue.Title, issue.UpdatedAt = title, s.now()
	pull := issue.Pull
	pull.Head, pull.Base, pull.HeadSHA = head, base, headSHA
	pull.commits = append(pull.commits, headSHA)
	return issue.Number
}

// MergePull merges a pull request as mergeCommit and reports whether there was one
// to merge. A merge by rebase makes further commits, of which mergeCommit is the last.
func (s *Server) MergePull(number int, mergeCommit string, rebased ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	issue := s.issues[number]
	if issue == nil || issue.Pull == nil || issue.State != "open" {
		return false
	}
	now := s.now()
	issue.State, issue.UpdatedAt = "closed", now
	issue.Pull.MergeCommit, issue.Pull.MergedAt = mergeCommit, &now
	issue.Pull.commits = append(issue.Pull.commits, rebased...)
	return true
}

// AddComment writes a comment as user and returns its ID, 0 when there is no such
// issue or pull request.
func (s *Server) AddComment(number int, user User, body string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.issues[number] == nil {
		return 0
	}
	return s.comment(number, user, body).ID
}

// TryMerge sets the commit that GitHub tries the merge of an open pull request with.
func (s *Server) TryMerge(number int, commit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issues[number].Pull.MergeCommit = commit
}

// AddReview reviews a pull request. A review without a commit is of its head.
func (s *Server) AddReview(number int, review Review) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pull := s.issues[number].Pull
	if review.Commit == "" {
		review.Commit = pull.HeadSHA
	}
	review.SubmittedAt = s.now()
	pull.reviews = append(pull.reviews, review)
}

// Relabel gives an issue other labels, behind gitops' back.
func (s *Server) Relabel(number int, labels ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issues[number].apply(issueRequest{Labels: &labels})
}

// EditComment changes a comment as user, behind gitops' back.
func (s *Server) EditComment(id int64, user User, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if comment := s.find(id); comment != nil {
		s.edit(comment, user, body)
	}
}

// edit changes a comment as user.
func (s *Server) edit(comment *Comment, user User, body string) {
	if len(comment.history) == 0 {
		comment.history = append(comment.history, edit{comment.User, comment.CreatedAt})
	}
	comment.history = append(comment.history, edit{user, s.now()})
	comment.Body, comment.UpdatedAt = body, s.now()
}

// DeleteComment deletes a comment behind gitops' back.
func (s *Server) DeleteComment(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(id)
}

func (s *Server) comment(number int, user User, body string) *Comment {
	s.lastComment++
	now := s.now()
	comment := &Comment{ID: s.lastComment, Number: number, Body: body, User: user, CreatedAt: now, UpdatedAt: now}
	s.comments = append(s.comments, comment)
	return comment
}

func (s *Server) find(id int64) *Comment {
	for _, comment := range s.comments {
		if comment.ID == id {
			return comment
		}
	}
	return nil
}

func (s *Server) remove(id int64) {
	for i, comment := range s.comments {
		if comment.ID == id {
			s.comments = append(s.comments[:i], s.comments[i+1:]...)
			return
		}
	}
}
