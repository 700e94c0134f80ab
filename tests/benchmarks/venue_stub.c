/* A stand-in for the exchange that costs next to nothing: HTTP/1.1 keep-alive and WebSocket on one
 * epoll thread, loopback only, plain text. It checks no signature and matches nothing; it answers every
 * order as accepted, tells the user data stream so, and notes when (CLOCK_MONOTONIC, ns).
 *
 *   venue_stub EXCHANGE_INFO_FILE        prints its port, ends at end of file on its standard input
 *
 * The venue's side: POST/GET/DELETE /sapi/v1/margin/order, openOrders, allOrders, myTrades,
 * rateLimit/order, POST /sapi/v1/userListenToken, /api/v3/time, /api/v3/exchangeInfo, /ws-api/v3
 * with userDataStream.subscribe.listenToken.
 *
 * The benchmark's side (GET):
 *   /bench/stamps   one line an order: client id, request complete, reply handed over, fill handed over
 *   /bench/fill     fills what is open over the stream, one order a millisecond
 *   /bench/reset    forgets all orders and stamps
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 1024, IN_SIZE = 64 * 1024, MAX_ORDERS = 1 << 20, TEXT = 40 };
static long first_order_id = 1000000000L; /* of orders[0]; a reset gives no id again */

typedef struct {
    char client_id[TEXT], symbol[TEXT], side[8], type[24], quantity[TEXT], price[TEXT], stp[16];
    int filled;
    int64_t arrived_ns, replied_ns, pushed_ns;
} order;

typedef struct {
    int open, websocket, subscription;
    size_t length;
    char in[IN_SIZE];
} connection;

static order *orders;
static int order_count, fill_next = -1; /* fill_next: the next order /bench/fill looks at, -1 = none */
static connection *connections[MAX_CONNECTIONS];
static char *exchange_info;
static size_t exchange_info_length;
static int epoll_fd;

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
static int64_t epoch_ms(void) { return clock_ns(CLOCK_REALTIME) / 1000000; }

static void hang_up(int fd) {
    if (!connections[fd]) return;
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

/* Loopback takes these small writes at once; a reader that is far behind is waited for. */
static void send_all(int fd, const char *data, size_t length) {
    while (length) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent < 0) return; /* the reading side notices */
        data += sent;
        length -= (size_t)sent;
    }
}

static void reply(int fd, int status, const char *body, size_t length) {
    char head[256];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d %s\r\nContent-Type: application/json;charset=UTF-8\r\n"
                     "X-SAPI-USED-UID-WEIGHT-1M: 6\r\nContent-Length: %zu\r\n\r\n",
                     status, status == 200 ? "OK" : "Bad Request", length);
    if (length < 8192) { /* one write, one segment */
        char all[256 + 8192];
        memcpy(all, head, (size_t)n);
        memcpy(all + n, body, length);
        send_all(fd, all, (size_t)n + length);
    } else {
        send_all(fd, head, (size_t)n);
        send_all(fd, body, length);
    }
}

static void reply_text(int fd, int status, const char *format, ...) {
    char body[4096];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(body, sizeof body, format, arguments);
    va_end(arguments);
    reply(fd, status, body, (size_t)n);
}

/* A parameter of a query string or form; our values need no percent-decoding. */
static int param(const char *from, const char *end, const char *name, char *into, size_t size) {
    size_t name_length = strlen(name);
    for (const char *at = from; at && at < end;) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop) stop = end;
        if ((size_t)(stop - at) > name_length && at[name_length] == '=' && !memcmp(at, name, name_length)) {
            size_t n = (size_t)(stop - at) - name_length - 1;
            if (n >= size) n = size - 1;
            memcpy(into, at + name_length + 1, n);
            into[n] = 0;
            return 1;
        }
        at = stop + 1;
    }
    into[0] = 0;
    return 0;
}

static void push_frame(int fd, const char *text, size_t length) {
    char frame[4096 + 4];
    size_t head = 2;
    frame[0] = (char)0x81;
    if (length < 126) {
        frame[1] = (char)length;
    } else {
        frame[1] = 126;
        frame[2] = (char)(length >> 8);
        frame[3] = (char)length;
        head = 4;
    }
    memcpy(frame + head, text, length);
    send_all(fd, frame, head + length);
}

static void push_report(const order *o, int index, int filled) {
    char event[2048];
    int64_t now = epoch_ms();
    const char *quantity = filled ? o->quantity : "0.00000000", *price = filled ? o->price : "0.00000000";
    for (int fd = 0; fd < MAX_CONNECTIONS; fd++) {
        if (!connections[fd] || !connections[fd]->subscription) continue;
        int n = snprintf(
            event, sizeof event,
            "{\"subscriptionId\":%d,\"event\":{\"e\":\"executionReport\",\"E\":%lld,\"s\":\"%s\",\"c\":\"%s\",\"S\":\"%s\","
            "\"o\":\"%s\",\"f\":\"GTC\",\"q\":\"%s\",\"p\":\"%s\",\"P\":\"0.00000000\",\"F\":\"0.00000000\",\"g\":-1,\"C\":\"\","
            "\"x\":\"%s\",\"X\":\"%s\",\"r\":\"NONE\",\"i\":%ld,\"l\":\"%s\",\"z\":\"%s\",\"L\":\"%s\",\"n\":\"%s\",\"N\":%s,"
            "\"T\":%lld,\"t\":%ld,\"I\":%ld,\"w\":%s,\"m\":%s,\"M\":%s,\"O\":%lld,\"Z\":\"0.00000000\",\"Y\":\"0.00000000\","
            "\"Q\":\"0.00000000\",\"W\":%lld,\"V\":\"%s\"}}",
            connections[fd]->subscription, (long long)now, o->symbol, o->client_id, o->side, o->type, o->quantity,
            o->price, filled ? "TRADE" : "NEW", filled ? "FILLED" : "NEW", first_order_id + index, quantity,
            quantity, price, filled ? "0.00001000" : "0", filled ? "\"BNB\"" : "null", (long long)now,
            filled ? (first_order_id + index) * 2 : -1L, (first_order_id + index) * 2 + filled, filled ? "false" : "true", filled ? "true" : "false",
            filled ? "true" : "false", (long long)now, (long long)now, o->stp);
        push_frame(fd, event, (size_t)n);
    }
}

static void place(int fd, const char *query, const char *query_end, int64_t arrived_ns) {
    if (order_count == MAX_ORDERS) {
        reply_text(fd, 400, "{\"code\":-1015,\"msg\":\"Too many new orders.\"}");
        return;
    }
    order *o = &orders[order_count];
    memset(o, 0, sizeof *o);
    param(query, query_end, "newClientOrderId", o->client_id, sizeof o->client_id);
    param(query, query_end, "symbol", o->symbol, sizeof o->symbol);
    param(query, query_end, "side", o->side, sizeof o->side);
    param(query, query_end, "type", o->type, sizeof o->type);
    param(query, query_end, "quantity", o->quantity, sizeof o->quantity);
    param(query, query_end, "price", o->price, sizeof o->price);
    param(query, query_end, "selfTradePreventionMode", o->stp, sizeof o->stp);
    o->arrived_ns = arrived_ns;
    reply_text(fd, 200,
               "{\"symbol\":\"%s\",\"orderId\":%ld,\"clientOrderId\":\"%s\",\"transactTime\":%lld,\"price\":\"%s\","
               "\"origQty\":\"%s\",\"executedQty\":\"0\",\"cummulativeQuoteQty\":\"0\",\"status\":\"NEW\","
               "\"timeInForce\":\"GTC\",\"type\":\"%s\",\"side\":\"%s\",\"isIsolated\":false,\"fills\":[],"
               "\"selfTradePreventionMode\":\"%s\"}",
               o->symbol, first_order_id + order_count, o->client_id, (long long)epoch_ms(), o->price, o->quantity,
               o->type, o->side, o->stp);
    o->replied_ns = clock_ns(CLOCK_MONOTONIC);
    push_report(o, order_count, 0);
    order_count++;
}

static void tell_order(int fd, const char *query, const char *query_end) {
    char id[TEXT];
    param(query, query_end, "origClientOrderId", id, sizeof id);
    for (int i = order_count - 1; i >= 0; i--) {
        order *o = &orders[i];
        if (strcmp(o->client_id, id)) continue;
        reply_text(fd, 200,
                   "{\"symbol\":\"%s\",\"orderId\":%ld,\"clientOrderId\":\"%s\",\"price\":\"%s\",\"origQty\":\"%s\","
                   "\"executedQty\":\"%s\",\"status\":\"%s\",\"timeInForce\":\"GTC\",\"type\":\"%s\",\"side\":\"%s\","
                   "\"isIsolated\":false,\"time\":%lld,\"updateTime\":%lld}",
                   o->symbol, first_order_id + i, o->client_id, o->price, o->quantity, o->filled ? o->quantity : "0",
                   o->filled ? "FILLED" : "NEW", o->type, o->side, (long long)epoch_ms(), (long long)epoch_ms());
        return;
    }
    reply_text(fd, 400, "{\"code\":-2013,\"msg\":\"Order does not exist.\"}");
}

static void tell_stamps(int fd) {
    size_t size = (size_t)order_count * 128 + 1, n = 0;
    char *lines = malloc(size);
    for (int i = 0; i < order_count; i++) {
        const order *o = &orders[i];
        n += (size_t)snprintf(lines + n, size - n, "%s %lld %lld %lld\n", o->client_id, (long long)o->arrived_ns,
                              (long long)o->replied_ns, (long long)o->pushed_ns);
    }
    reply(fd, 200, lines, n);
    free(lines);
}

/* -- WebSocket ------------------------------------------------------------------------------------ */

static void sha1(const unsigned char *data, size_t length, unsigned char out[20]) { /* RFC 3174, one short message */
    unsigned char block[256] = {0};
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    size_t padded = (length + 9 + 63) / 64 * 64;
    memcpy(block, data, length);
    block[length] = 0x80;
    for (int i = 0; i < 8; i++) block[padded - 1 - i] = (unsigned char)((uint64_t)length * 8 >> (8 * i));
    for (size_t at = 0; at < padded; at += 64) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 80; i++) {
            const unsigned char *p = block + at + 4 * (i < 16 ? i : 0);
            uint32_t x = i < 16 ? 0 : w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
            w[i] = i < 16 ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : x << 1 | x >> 31;
        }
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                         : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                         : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                  : (b ^ c ^ d) + 0xCA62C1D6;
            uint32_t t = (a << 5 | a >> 27) + f + e + w[i];
            e = d, d = c, c = b << 30 | b >> 2, b = a, a = t;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) out[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void upgrade(int fd, const char *head) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *key = strcasestr(head, "\r\nsec-websocket-key:");
    if (!key) {
        reply_text(fd, 400, "{}");
        return;
    }
    key += strlen("\r\nsec-websocket-key:");
    while (*key == ' ') key++;
    char text[128], accept[32] = {0}, answer[256];
    unsigned char digest[21] = {0};
    int n = snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, "\r\n "), key);
    sha1((unsigned char *)text, (size_t)n, digest);
    for (int i = 0, o = 0; i < 20; i += 3, o += 4) {
        uint32_t v = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | digest[i + 2];
        for (int k = 0; k < 4; k++) accept[o + k] = alphabet[v >> (18 - 6 * k) & 63];
    }
    accept[27] = '='; /* 20 bytes are 27 characters and one pad */
    n = snprintf(answer, sizeof answer,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    connections[fd]->websocket = 1;
    send_all(fd, answer, (size_t)n);
}

static void answer_call(int fd, const char *text) {
    char answer[512], id[80] = "null";
    const char *at = strstr(text, "\"id\":");
    if (at) {
        at += 5;
        while (*at == ' ') at++;
        size_t n = *at == '"' ? strcspn(at + 1, "\"") + 2 : strcspn(at, ",} ");
        snprintf(id, sizeof id, "%.*s", (int)n, at);
    }
    int n;
    if (strstr(text, "userDataStream.subscribe")) {
        connections[fd]->subscription = 1;
        n = snprintf(answer, sizeof answer,
                     "{\"id\":%s,\"status\":200,\"result\":{\"subscriptionId\":1,\"expirationTime\":%lld}}", id,
                     (long long)(epoch_ms() + 86400000) * 1000);
    } else {
        n = snprintf(answer, sizeof answer, "{\"id\":%s,\"status\":200,\"result\":{}}", id);
    }
    push_frame(fd, answer, (size_t)n);
}

/* One client frame (masked, not fragmented) from the front of the buffer; its size, 0 = not all there. */
static size_t take_frame(int fd, unsigned char *in, size_t length) {
    if (length < 6) return 0;
    size_t payload = in[1] & 0x7F, head = 2;
    if (payload == 126) {
        payload = (size_t)in[2] << 8 | in[3];
        head = 4;
    }
    if (length < head + 4 + payload) return 0;
    unsigned char *mask = in + head, *data = mask + 4;
    for (size_t i = 0; i < payload; i++) data[i] ^= mask[i % 4];
    int opcode = in[0] & 0x0F;
    if (opcode == 1) {
        char text[4096];
        snprintf(text, sizeof text, "%.*s", (int)payload, (char *)data);
        answer_call(fd, text);
    } else if (opcode == 9) {
        char pong[128] = {(char)0x8A, (char)payload};
        memcpy(pong + 2, data, payload);
        send_all(fd, pong, 2 + payload);
    } else if (opcode == 8) {
        send_all(fd, "\x88\x00", 2);
        hang_up(fd);
        return 0;
    }
    return head + 4 + payload;
}

/* -- HTTP ----------------------------------------------------------------------------------------- */

static int is(const char *path, size_t length, const char *expected) {
    return strlen(expected) == length && !memcmp(path, expected, length);
}

static void answer(int fd, const char *head, const char *body, size_t body_length) {
    int64_t arrived_ns = clock_ns(CLOCK_MONOTONIC);
    const char *path = strchr(head, ' ') + 1, *target_end = strchr(path, ' ');
    size_t length = strcspn(path, "? ");
    const char *query = path[length] == '?' ? path + length + 1 : target_end, *query_end = target_end;
    if (query == query_end && body_length) query = body, query_end = body + body_length;
    if (is(path, length, "/sapi/v1/margin/order")) {
        if (head[0] == 'P') place(fd, query, query_end, arrived_ns);
        else tell_order(fd, query, query_end);
    } else if (is(path, length, "/api/v3/time")) {
        reply_text(fd, 200, "{\"serverTime\":%lld}", (long long)epoch_ms());
    } else if (is(path, length, "/api/v3/exchangeInfo")) {
        reply(fd, 200, exchange_info, exchange_info_length);
    } else if (is(path, length, "/sapi/v1/userListenToken")) {
        reply_text(fd, 200, "{\"token\":\"benchmark\",\"expirationTime\":%lld}", (long long)epoch_ms() + 86400000);
    } else if (is(path, length, "/ws-api/v3")) {
        upgrade(fd, head);
    } else if (is(path, length, "/bench/stamps")) {
        tell_stamps(fd);
    } else if (is(path, length, "/bench/fill")) {
        fill_next = 0;
        reply_text(fd, 200, "{}");
    } else if (is(path, length, "/bench/reset")) {
        first_order_id += order_count;
        order_count = 0, fill_next = -1;
        reply_text(fd, 200, "{}");
    } else {
        reply_text(fd, 200, "[]"); /* openOrders, allOrders, myTrades, rateLimit/order: nothing there */
    }
}

/* One request from the front of the buffer; its size, 0 = not all there. */
static size_t take_request(int fd, char *in, size_t length) {
    char *end = memmem(in, length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - in) + 4, body = 0;
    char kept = end[2];
    end[2] = 0; /* the head ends like a string, its last line break kept */
    const char *field = strcasestr(in, "\r\ncontent-length:");
    if (field) body = (size_t)atol(field + strlen("\r\ncontent-length:"));
    if (length < head + body) {
        end[2] = kept;
        return 0;
    }
    answer(fd, in, in + head, body);
    return head + body;
}

static void readable(int fd) {
    connection *c = connections[fd];
    ssize_t got = recv(fd, c->in + c->length, IN_SIZE - c->length, 0);
    if (got <= 0) {
        hang_up(fd);
        return;
    }
    c->length += (size_t)got;
    size_t used = 0, taken;
    do {
        taken = c->websocket ? take_frame(fd, (unsigned char *)c->in + used, c->length - used)
                             : take_request(fd, c->in + used, c->length - used);
        if (connections[fd] != c) return;
        used += taken;
    } while (taken && used < c->length);
    memmove(c->in, c->in + used, c->length - used);
    c->length -= used;
}

static void accept_one(int listener) {
    int fd = accept(listener, NULL, NULL), on = 1;
    if (fd < 0) return;
    if (fd >= MAX_CONNECTIONS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[fd] = calloc(1, sizeof(connection));
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void fill_one(void) {
    while (fill_next >= 0 && fill_next < order_count && orders[fill_next].filled) fill_next++;
    if (fill_next >= order_count) fill_next = -1;
    if (fill_next < 0) return;
    order *o = &orders[fill_next];
    o->filled = 1;
    o->pushed_ns = clock_ns(CLOCK_MONOTONIC);
    push_report(o, fill_next++, 1);
}

static int read_file(const char *name) {
    FILE *file = fopen(name, "rb");
    if (!file) return 0;
    fseek(file, 0, SEEK_END);
    exchange_info_length = (size_t)ftell(file);
    rewind(file);
    exchange_info = malloc(exchange_info_length + 1);
    size_t got = fread(exchange_info, 1, exchange_info_length, file);
    fclose(file);
    return got == exchange_info_length;
}

int main(int count, char **arguments) {
    if (count != 2 || !read_file(arguments[1])) {
        fprintf(stderr, "usage: venue_stub EXCHANGE_INFO_FILE\n");
        return 2;
    }
    orders = calloc(MAX_ORDERS, sizeof(order));
    epoll_fd = epoll_create1(0);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 512) ||
        getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("venue_stub");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[64];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = 0;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &event);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll_fd, ready, 64, fill_next < 0 ? -1 : 1);
        if (n == 0) fill_one();
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            char ignored[64];
            if (fd == listener) accept_one(listener);
            else if (fd == 0) {
                if (read(0, ignored, sizeof ignored) <= 0) return 0; /* whoever started us has gone */
            } else if (connections[fd]) readable(fd);
        }
    }
}
