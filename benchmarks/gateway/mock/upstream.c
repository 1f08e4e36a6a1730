/* A provider that costs as little as possible: OpenAI-compatible, one thread, epoll, keep-alive.
 *
 *   upstream PORT ANSWER.json ANSWER.sse
 *
 * "stream":true in the request gives the stream, one send() and one HTTP chunk per event;
 * anything else gives the whole answer. Every occurrence of `mock00000000` in an answer gets the
 * number of the call in hexadecimal, so that no two answers are equal and nobody downstream can
 * store them once. With MOCK_KEY set, a request without `Bearer $MOCK_KEY` gets a 401: a gateway
 * that forgets to swap the credentials shows up as wrong answers. GET /count tells what was
 * served: whole answers, streams, connections accepted. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK "mock00000000"
#define DIGITS 8
#define MAX_CONNECTIONS 65536
#define MAX_MARKS 4096
#define MAX_PARTS 1024
#define REQUEST_BYTES (256 * 1024)

typedef struct {
  char *in;
  size_t in_length;
  char *unsent; /* what the socket did not take yet, a copy: the answer's buffer is reused */
  size_t unsent_length, unsent_capacity;
} connection;

/* An answer as it goes over the wire, and where its marks are. */
typedef struct {
  char *bytes;
  size_t length;
  char *marks[MAX_MARKS];
  int mark_count;
  struct { size_t offset, length; } parts[MAX_PARTS];
  int part_count;
} answer;

static connection *connections[MAX_CONNECTIONS];
static answer whole, stream;
static char key[256];
static long served_whole, served_streams, accepted;
static unsigned call_number;
static int epoll_fd;

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) { perror(path); exit(1); }
  fseek(file, 0, SEEK_END);
  *length = ftell(file);
  rewind(file);
  char *bytes = malloc(*length + 1);
  if (fread(bytes, 1, *length, file) != *length) exit(1);
  bytes[*length] = 0;
  fclose(file);
  return bytes;
}

static void find_marks(answer *a) {
  a->bytes[a->length] = 0;
  for (char *p = a->bytes; (p = strstr(p, MARK)) && a->mark_count < MAX_MARKS; p += strlen(MARK))
    a->marks[a->mark_count++] = p + strlen(MARK) - DIGITS;
}

static void number_call(answer *a) {
  static const char hex[] = "0123456789abcdef";
  char digits[DIGITS];
  unsigned n = ++call_number;
  for (int i = DIGITS - 1; i >= 0; i--, n >>= 4) digits[i] = hex[n & 15];
  for (int i = 0; i < a->mark_count; i++) memcpy(a->marks[i], digits, DIGITS);
}

static void prepare(const char *whole_path, const char *stream_path) {
  size_t n;
  char *body = read_file(whole_path, &n);
  whole.bytes = malloc(n + 512);
  whole.length = sprintf(whole.bytes,
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_mock\r\n"
      "content-length: %zu\r\n\r\n", n);
  memcpy(whole.bytes + whole.length, body, n);
  whole.length += n;
  whole.parts[0].length = whole.length;
  whole.part_count = 1;
  find_marks(&whole);

  body = read_file(stream_path, &n);
  stream.bytes = malloc(n * 2 + 65536);
  stream.length = sprintf(stream.bytes,
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
      "transfer-encoding: chunked\r\n\r\n");
  stream.parts[0].length = stream.length;
  stream.part_count = 1;
  for (char *p = body, *end; (end = strstr(p, "\n\n")) && stream.part_count < MAX_PARTS; p = end) {
    end += 2;
    size_t start = stream.length, event = end - p;
    stream.length += sprintf(stream.bytes + stream.length, "%zx\r\n", event);
    memcpy(stream.bytes + stream.length, p, event);
    memcpy(stream.bytes + stream.length + event, "\r\n", 2);
    stream.length += event + 2;
    stream.parts[stream.part_count].offset = start;
    stream.parts[stream.part_count++].length = stream.length - start;
  }
  memcpy(stream.bytes + stream.length, "0\r\n\r\n", 5);
  stream.length += 5;
  stream.parts[stream.part_count - 1].length += 5;
  find_marks(&stream);
}

static void watch(int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

static void drop(int fd) {
  connection *c = connections[fd];
  free(c->in);
  free(c->unsent);
  free(c);
  connections[fd] = NULL;
  close(fd);
}

/* 0 = taken (sent or kept for later), -1 = the connection is broken */
static int put(int fd, const char *bytes, size_t length) {
  connection *c = connections[fd];
  ssize_t sent = 0;
  if (!c->unsent_length) {
    sent = send(fd, bytes, length, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) return -1;
      sent = 0;
    }
    if ((size_t)sent == length) return 0;
    watch(fd, EPOLLIN | EPOLLOUT);
  }
  size_t rest = length - sent;
  if (c->unsent_length + rest > c->unsent_capacity) {
    c->unsent_capacity = (c->unsent_length + rest) * 2;
    c->unsent = realloc(c->unsent, c->unsent_capacity);
  }
  memcpy(c->unsent + c->unsent_length, bytes + sent, rest);
  c->unsent_length += rest;
  return 0;
}

static int put_unsent(int fd) {
  connection *c = connections[fd];
  ssize_t sent = send(fd, c->unsent, c->unsent_length, MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN ? 0 : -1;
  c->unsent_length -= sent;
  memmove(c->unsent, c->unsent + sent, c->unsent_length);
  if (!c->unsent_length) watch(fd, EPOLLIN);
  return 0;
}

static int put_answer(int fd, answer *a) {
  number_call(a);
  for (int i = 0; i < a->part_count; i++)
    if (put(fd, a->bytes + a->parts[i].offset, a->parts[i].length) < 0) return -1;
  return 0;
}

static int put_count(int fd) {
  char body[96], reply[256];
  int n = sprintf(body, "%ld %ld %ld", served_whole, served_streams, accepted);
  return put(fd, reply, sprintf(reply, "HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s", n, body));
}

static int refuse(int fd) {
  static const char reply[] =
      "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 36\r\n\r\n"
      "{\"error\":{\"message\":\"bad mock key\"}}";
  return put(fd, reply, sizeof reply - 1);
}

static int asks_for_stream(const char *body, size_t length) {
  return memmem(body, length, "\"stream\":true", 13) || memmem(body, length, "\"stream\": true", 14);
}

/* 1 = one request answered, 0 = more bytes are needed, -1 = drop the connection */
static int answer_one(int fd) {
  connection *c = connections[fd];
  char *head_end = memmem(c->in, c->in_length, "\r\n\r\n", 4);
  if (!head_end) return 0;
  size_t head = head_end + 4 - c->in, total;
  *head_end = 0;
  char *field = strcasestr(c->in, "\r\ncontent-length:");
  int chunked = !field && strcasestr(c->in, "\r\ntransfer-encoding: chunked");
  int allowed = !key[0] || strstr(c->in, key);
  total = head + (field ? strtoul(field + 17, NULL, 10) : 0);
  *head_end = '\r';
  if (chunked) {
    char *last = memmem(c->in + head, c->in_length - head, "0\r\n\r\n", 5);
    if (!last) return 0;
    total = last + 5 - c->in;
  }
  if (c->in_length < total) return 0;
  int broken;
  if (!strncmp(c->in, "GET /count", 10)) {
    broken = put_count(fd);
  } else if (!allowed) {
    broken = refuse(fd);
  } else if (asks_for_stream(c->in + head, total - head)) {
    served_streams++;
    broken = put_answer(fd, &stream);
  } else {
    served_whole++;
    broken = put_answer(fd, &whole);
  }
  if (broken < 0) return -1;
  memmove(c->in, c->in + total, c->in_length - total);
  c->in_length -= total;
  return 1;
}

static void take_connection(int listener) {
  int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) return;
  accepted++;
  if (fd >= MAX_CONNECTIONS) { close(fd); return; }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connections[fd] = calloc(1, sizeof(connection));
  connections[fd]->in = malloc(REQUEST_BYTES);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void take_bytes(int fd) {
  connection *c = connections[fd];
  ssize_t n = recv(fd, c->in + c->in_length, REQUEST_BYTES - c->in_length, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { drop(fd); return; }
  c->in_length += n;
  int outcome = 1;
  while (outcome == 1 && c->in_length) outcome = answer_one(fd);
  if (outcome < 0) drop(fd);
}

int main(int count, char **arguments) {
  if (count != 4) { fputs("usage: upstream PORT ANSWER.json ANSWER.sse\n", stderr); return 2; }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  prepare(arguments[2], arguments[3]);
  if (getenv("MOCK_KEY")) snprintf(key, sizeof key, "Bearer %s", getenv("MOCK_KEY"));
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) {
    perror("bind");
    return 1;
  }
  epoll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[256];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int n = epoll_wait(epoll_fd, ready, 256, -1);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) { take_connection(listener); continue; }
      if (!connections[fd]) continue;
      if (ready[i].events & EPOLLOUT && put_unsent(fd) < 0) { drop(fd); continue; }
      if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take_bytes(fd);
    }
  }
}
