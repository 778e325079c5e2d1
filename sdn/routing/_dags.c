/* Shortest-path DAGs to many destinations, repaired after every change of links: the compiled twin of dags.py.
 *
 * It knows switches by index, ports by number and costs; names and next hops are opaque Python objects. What it does,
 * and in which order of distance, is dags.py, which is its oracle in the tests. The algorithm is that of Ramalingam and
 * Reps (J. Algorithms 21, 1996). Scratch memory is sized for all switches before a tree is touched.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef SOURCE_DIGEST /* of this file, from setup.py */
#define SOURCE_DIGEST ""
#endif

#define FAR INT64_MAX
#define NONE (-1)
#define MAX_COST ((int64_t)1 << 40) /* times 2^22 switches on a path still fits */
#define MAX_NODES (1 << 22)

typedef struct {
    int32_t to;
    uint32_t port;
    int64_t cost;
} Arc;

typedef struct {
    int64_t *distance; /* by node; FAR: no way */
    int32_t *hops;     /* by node: index of Hops, or NONE */
    int32_t root;
    int32_t place; /* in Dags.trees */
    int risky;     /* see dags.Dags.risky; of the last update */
} Tree;

typedef struct {
    PyObject *name; /* NULL: the index is free */
    Arc *arcs;      /* by port */
    int32_t count, room;
    Tree *tree; /* NULL: not a destination */
} Node;

/* Next hops that some switch uses, interned: equal ones are one. */
typedef struct {
    uint32_t *ports; /* ascending */
    int32_t count, tier;
    int64_t users; /* (switch, destination) pairs; 0: the index is free */
    uint64_t hash;
    int32_t next; /* in its bucket, or in the free list */
    PyObject *object;
} Hops;

typedef struct {
    int32_t from, to;
    int64_t before, after; /* cost; 0: there was, or is, no such link */
} Change;

typedef struct {
    int64_t distance;
    int32_t node;
} Item;

typedef struct {
    Item *items;
    Py_ssize_t count, room;
} Heap;

typedef struct {
    int32_t node, root, hops;
} Moved;

typedef struct {
    int32_t *nodes;
    Py_ssize_t count;
    uint32_t *marks; /* by node: equal to round when it is a member */
    uint32_t round;
} Set;

typedef struct {
    PyObject_HEAD
    PyObject *make;
    PyObject *index; /* name -> node */
    Node *nodes;
    int32_t count, room;
    int32_t *unused; /* free indexes of nodes */
    int32_t unused_count;
    Tree **trees;
    int32_t tree_count, tree_room;
    Hops *hops;
    int32_t hops_count, hops_room, hops_free;
    int32_t *buckets;
    uint32_t bucket_mask;
    int32_t hops_used;
    uint32_t *ports; /* scratch: ports of one choice */
    Py_ssize_t ports_room;
    Heap heap;
    Set orphans, moved, touched, fresh;
    Py_ssize_t better_room;
    int32_t *better;
    Moved *changed;
    Py_ssize_t changed_count, changed_room;
    int busy, broken;
} Dags;

/* ---- growing ---------------------------------------------------------------------------------------------------- */

static int grow(void **block, Py_ssize_t *room, Py_ssize_t wanted, size_t size) {
    if (wanted <= *room)
        return 0;
    Py_ssize_t more = *room ? *room : 16;
    while (more < wanted)
        more *= 2;
    void *bigger = realloc(*block, (size_t)more * size);
    if (bigger == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *block = bigger;
    *room = more;
    return 0;
}

static int grow32(void **block, int32_t *room, int32_t wanted, size_t size) {
    Py_ssize_t wide = *room;
    if (grow(block, &wide, wanted, size) < 0)
        return -1;
    *room = (int32_t)wide;
    return 0;
}

/* ---- sets and heap ---------------------------------------------------------------------------------------------- */

static void set_clear(Set *set, int32_t room) {
    set->count = 0;
    if (++set->round == 0) {
        memset(set->marks, 0, (size_t)room * sizeof(uint32_t));
        set->round = 1;
    }
}

static int set_has(const Set *set, int32_t node) { return set->marks[node] == set->round; }

static void set_add(Set *set, int32_t node) {
    if (!set_has(set, node)) {
        set->marks[node] = set->round;
        set->nodes[set->count++] = node;
    }
}

static int before(Item a, Item b) { return a.distance < b.distance || (a.distance == b.distance && a.node < b.node); }

static int heap_push(Heap *heap, int64_t distance, int32_t node) {
    if (grow((void **)&heap->items, &heap->room, heap->count + 1, sizeof(Item)) < 0)
        return -1;
    Item item = {distance, node};
    Py_ssize_t at = heap->count++;
    while (at > 0) {
        Py_ssize_t up = (at - 1) / 2;
        if (!before(item, heap->items[up]))
            break;
        heap->items[at] = heap->items[up];
        at = up;
    }
    heap->items[at] = item;
    return 0;
}

static Item heap_pop(Heap *heap) {
    Item top = heap->items[0], last = heap->items[--heap->count];
    Py_ssize_t at = 0;
    for (;;) {
        Py_ssize_t down = 2 * at + 1;
        if (down >= heap->count)
            break;
        if (down + 1 < heap->count && before(heap->items[down + 1], heap->items[down]))
            down++;
        if (!before(heap->items[down], last))
            break;
        heap->items[at] = heap->items[down];
        at = down;
    }
    heap->items[at] = last;
    return top;
}

/* ---- next hops -------------------------------------------------------------------------------------------------- */

static uint64_t hash_hops(const uint32_t *ports, int32_t count, int32_t tier) {
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)(uint32_t)tier;
    for (int32_t i = 0; i < count; i++)
        hash = (hash ^ ports[i]) * 0x100000001b3u;
    return hash ^ hash >> 29;
}

static int same_hops(const Hops *hops, const uint32_t *ports, int32_t count, int32_t tier) {
    return hops->tier == tier && hops->count == count &&
           memcmp(hops->ports, ports, (size_t)count * sizeof(uint32_t)) == 0;
}

static int rehash(Dags *self, uint32_t size) {
    int32_t *buckets = malloc(size * sizeof(int32_t));
    if (buckets == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint32_t i = 0; i < size; i++)
        buckets[i] = NONE;
    for (int32_t i = 0; i < self->hops_count; i++) {
        Hops *hops = &self->hops[i];
        if (hops->users == 0)
            continue;
        uint32_t slot = (uint32_t)hops->hash & (size - 1);
        hops->next = buckets[slot];
        buckets[slot] = i;
    }
    free(self->buckets);
    self->buckets = buckets;
    self->bucket_mask = size - 1;
    return 0;
}

/* Index of equal next hops with one user more; NONE without memory. */
static int32_t take_hops(Dags *self, const uint32_t *ports, int32_t count, int32_t tier) {
    uint64_t hash = hash_hops(ports, count, tier);
    for (int32_t i = self->buckets[hash & self->bucket_mask]; i != NONE; i = self->hops[i].next)
        if (self->hops[i].hash == hash && same_hops(&self->hops[i], ports, count, tier)) {
            self->hops[i].users++;
            return i;
        }
    if ((uint32_t)self->hops_used > self->bucket_mask && rehash(self, 2 * (self->bucket_mask + 1)) < 0)
        return NONE;
    uint32_t *copy = malloc((size_t)count * sizeof(uint32_t));
    if (copy == NULL) {
        PyErr_NoMemory();
        return NONE;
    }
    int32_t at = self->hops_free;
    if (at != NONE) {
        self->hops_free = self->hops[at].next;
    } else if (grow32((void **)&self->hops, &self->hops_room, self->hops_count + 1, sizeof(Hops)) < 0) {
        free(copy);
        return NONE;
    } else {
        at = self->hops_count++;
    }
    memcpy(copy, ports, (size_t)count * sizeof(uint32_t));
    int32_t *bucket = &self->buckets[hash & self->bucket_mask];
    self->hops[at] = (Hops){copy, count, tier, 1, hash, *bucket, NULL};
    *bucket = at;
    self->hops_used++;
    return at;
}

static void drop_hops(Dags *self, int32_t at) {
    if (at == NONE || --self->hops[at].users > 0)
        return;
    Hops *hops = &self->hops[at];
    int32_t *link = &self->buckets[hops->hash & self->bucket_mask];
    while (*link != at)
        link = &self->hops[*link].next;
    *link = hops->next;
    free(hops->ports);
    hops->ports = NULL;
    hops->next = self->hops_free;
    self->hops_free = at;
    self->hops_used--;
    Py_CLEAR(hops->object);
}

/* The object of interned next hops, borrowed; made when it is first asked for. */
static PyObject *hops_object(Dags *self, int32_t at) {
    if (self->hops[at].object == NULL) {
        int32_t count = self->hops[at].count;
        PyObject *ports = PyTuple_New(count);
        if (ports == NULL)
            return NULL;
        for (int32_t i = 0; i < count; i++) {
            PyObject *port = PyLong_FromUnsignedLong(self->hops[at].ports[i]);
            if (port == NULL) {
                Py_DECREF(ports);
                return NULL;
            }
            PyTuple_SET_ITEM(ports, i, port);
        }
        PyObject *object = PyObject_CallFunction(self->make, "Ni", ports, (int)self->hops[at].tier);
        if (object == NULL)
            return NULL;
        self->hops[at].object = object;
    }
    return self->hops[at].object;
}

/* ---- nodes and arcs --------------------------------------------------------------------------------------------- */

static int grow_set(Set *set, int32_t count, int32_t room) {
    int32_t *nodes = realloc(set->nodes, (size_t)room * sizeof(int32_t));
    if (nodes != NULL)
        set->nodes = nodes;
    uint32_t *marks = realloc(set->marks, (size_t)room * sizeof(uint32_t));
    if (marks != NULL)
        set->marks = marks;
    if (nodes == NULL || marks == NULL)
        return -1;
    memset(marks + count, 0, (size_t)(room - count) * sizeof(uint32_t));
    return 0;
}

static int grow_tree(Tree *tree, int32_t count, int32_t room) {
    int64_t *distance = realloc(tree->distance, (size_t)room * sizeof(int64_t));
    if (distance != NULL)
        tree->distance = distance;
    int32_t *hops = realloc(tree->hops, (size_t)room * sizeof(int32_t));
    if (hops != NULL)
        tree->hops = hops;
    if (distance == NULL || hops == NULL)
        return -1;
    for (int32_t i = count; i < room; i++) {
        distance[i] = FAR;
        hops[i] = NONE;
    }
    return 0;
}

static int grow_nodes(Dags *self) {
    int32_t room = self->room ? 2 * self->room : 64;
    int failed = room > MAX_NODES;
    if (!failed) {
        Node *nodes = realloc(self->nodes, (size_t)room * sizeof(Node));
        if (nodes != NULL)
            self->nodes = nodes;
        int32_t *unused = realloc(self->unused, (size_t)room * sizeof(int32_t));
        if (unused != NULL)
            self->unused = unused;
        failed = nodes == NULL || unused == NULL || grow_set(&self->orphans, self->room, room) < 0 ||
                 grow_set(&self->moved, self->room, room) < 0 || grow_set(&self->touched, self->room, room) < 0 ||
                 grow_set(&self->fresh, self->room, room) < 0;
    }
    for (int32_t i = 0; i < self->tree_count && !failed; i++)
        failed = grow_tree(self->trees[i], self->room, room) < 0;
    if (failed) {
        PyErr_NoMemory();
        return -1;
    }
    self->room = room;
    return 0;
}

/* Index of a switch, a new one if it is not known; NONE on error. */
static int32_t node_of(Dags *self, PyObject *name) {
    PyObject *known = PyDict_GetItemWithError(self->index, name);
    if (known != NULL)
        return (int32_t)PyLong_AsLong(known);
    if (PyErr_Occurred())
        return NONE;
    int fresh = self->unused_count == 0;
    if (fresh && self->count == self->room && grow_nodes(self) < 0)
        return NONE;
    int32_t at = fresh ? self->count : self->unused[self->unused_count - 1];
    PyObject *number = PyLong_FromLong(at);
    if (number == NULL || PyDict_SetItem(self->index, name, number) < 0) {
        Py_XDECREF(number);
        return NONE;
    }
    Py_DECREF(number);
    if (fresh)
        self->count++;
    else
        self->unused_count--;
    self->nodes[at] = (Node){Py_NewRef(name), NULL, 0, 0, NULL};
    return at;
}

/* A switch without links that is no destination is forgotten: no tree refers to it. */
static int forget_if_alone(Dags *self, int32_t at) {
    Node *node = &self->nodes[at];
    if (node->name == NULL || node->count || node->tree)
        return 0;
    if (PyDict_DelItem(self->index, node->name) < 0)
        return -1;
    free(node->arcs);
    node->arcs = NULL;
    Py_CLEAR(node->name);
    self->unused[self->unused_count++] = at;
    return 0;
}

static int add_arc(Dags *self, int32_t from, int32_t to, uint32_t port, int64_t cost) {
    Node *node = &self->nodes[from];
    if (grow32((void **)&node->arcs, &node->room, node->count + 1, sizeof(Arc)) < 0)
        return -1;
    int32_t at = node->count++;
    for (; at > 0 && node->arcs[at - 1].port > port; at--)
        node->arcs[at] = node->arcs[at - 1];
    node->arcs[at] = (Arc){to, port, cost};
    return 0;
}

static int drop_arc(Dags *self, int32_t from, int32_t to, uint32_t port, int64_t cost) {
    Node *node = &self->nodes[from];
    for (int32_t i = 0; i < node->count; i++) {
        Arc *arc = &node->arcs[i];
        if (arc->to == to && arc->port == port && arc->cost == cost) {
            memmove(arc, arc + 1, (size_t)(node->count - i - 1) * sizeof(Arc));
            node->count--;
            return 0;
        }
    }
    PyErr_SetString(PyExc_ValueError, "a link that is not there changes");
    return -1;
}

/* ---- one tree --------------------------------------------------------------------------------------------------- */

static int note(Dags *self, int32_t node, Tree *tree, int32_t hops) {
    if (grow((void **)&self->changed, &self->changed_room, self->changed_count + 1, sizeof(Moved)) < 0)
        return -1;
    self->changed[self->changed_count++] = (Moved){node, tree->root, hops};
    return 0;
}

/* Switches left without any way as short as before, and those who depended on them; the heap holds who lost one. */
static int find_orphans(Dags *self, Tree *tree) {
    const int64_t *distance = tree->distance;
    while (self->heap.count) {
        Item item = heap_pop(&self->heap);
        if (set_has(&self->orphans, item.node))
            continue;
        const Node *node = &self->nodes[item.node];
        int held = 0;
        for (int32_t i = 0; i < node->count && !held; i++) {
            Arc arc = node->arcs[i];
            int64_t far = distance[arc.to];
            held = far != FAR && far + arc.cost <= item.distance && !set_has(&self->orphans, arc.to);
        }
        if (held)
            continue;
        set_add(&self->orphans, item.node);
        for (int32_t i = 0; i < node->count; i++) {
            Arc arc = node->arcs[i];
            if (distance[arc.to] == item.distance + arc.cost && !set_has(&self->orphans, arc.to) &&
                heap_push(&self->heap, item.distance + arc.cost, arc.to) < 0)
                return -1;
        }
    }
    return 0;
}

/* New distances to try: of orphans over neighbours that stayed, and of others over better links. */
static int make_offers(Dags *self, Tree *tree, const Change *changes, Py_ssize_t better) {
    int64_t *distance = tree->distance;
    for (Py_ssize_t i = 0; i < self->orphans.count; i++)
        distance[self->orphans.nodes[i]] = FAR;
    for (Py_ssize_t i = 0; i < self->orphans.count; i++) {
        const Node *node = &self->nodes[self->orphans.nodes[i]];
        int64_t best = FAR;
        for (int32_t j = 0; j < node->count; j++) {
            int64_t far = distance[node->arcs[j].to];
            if (far != FAR && far + node->arcs[j].cost < best)
                best = far + node->arcs[j].cost;
        }
        if (best != FAR && heap_push(&self->heap, best, self->orphans.nodes[i]) < 0)
            return -1;
    }
    for (Py_ssize_t i = 0; i < better; i++) {
        const Change *change = &changes[self->better[i]];
        int64_t far = distance[change->to], near = distance[change->from];
        if (far == FAR)
            continue;
        if (near == FAR || far + change->after < near) {
            if (heap_push(&self->heap, far + change->after, change->from) < 0)
                return -1;
        } else if (far + change->after == near) {
            set_add(&self->touched, change->from);
        }
    }
    return 0;
}

/* Dijkstra from the offers in the heap. */
static int settle(Dags *self, Tree *tree) {
    int64_t *distance = tree->distance;
    while (self->heap.count) {
        Item item = heap_pop(&self->heap);
        if (distance[item.node] <= item.distance)
            continue;
        distance[item.node] = item.distance;
        set_add(&self->moved, item.node);
        const Node *node = &self->nodes[item.node];
        for (int32_t i = 0; i < node->count; i++) {
            int64_t offer = item.distance + node->arcs[i].cost;
            if (offer < distance[node->arcs[i].to] && heap_push(&self->heap, offer, node->arcs[i].to) < 0)
                return -1;
        }
    }
    return 0;
}

static int has_port(const uint32_t *ports, int32_t count, uint32_t port) {
    int32_t low = 0, high = count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (ports[middle] < port)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ports[low] == port;
}

/* Whether other next hops, the scratch ports, may do harm while some switches have not got theirs. Notes a switch that
 * had none that are alive. */
static int is_risky(Dags *self, const Tree *tree, int32_t at, const Hops *old, int32_t count) {
    const Node *node = &self->nodes[at];
    int alive = 0, farther = 0, early = 0;
    for (int32_t i = 0; i < node->count; i++) {
        Arc arc = node->arcs[i];
        int was = has_port(old->ports, old->count, arc.port), is = has_port(self->ports, count, arc.port);
        alive |= was;
        farther |= was && !is && tree->distance[arc.to] >= tree->distance[at];
        early |= is && !was && set_has(&self->fresh, arc.to);
    }
    if (!alive)
        set_add(&self->fresh, at);
    return farther || (alive && early);
}

/* Give a switch the next hops that its distance asks for; 1 if they are others than before. */
static int choose(Dags *self, Tree *tree, int32_t at) {
    const Node *node = &self->nodes[at];
    int64_t distance = tree->distance[at];
    if (grow((void **)&self->ports, &self->ports_room, node->count, sizeof(uint32_t)) < 0)
        return -1;
    int32_t count = 0, tier = 0;
    for (int32_t i = 0; i < node->count; i++) {
        Arc arc = node->arcs[i];
        int64_t far = tree->distance[arc.to];
        if (far == FAR || far + arc.cost != distance)
            continue;
        self->ports[count++] = arc.port;
        int32_t beyond = tree->hops[arc.to];
        if (beyond != NONE && self->hops[beyond].tier > tier)
            tier = self->hops[beyond].tier;
    }
    tier += count > 1;
    int32_t old = tree->hops[at];
    if (old != NONE && same_hops(&self->hops[old], self->ports, count, tier))
        return 0;
    if (old == NONE)
        set_add(&self->fresh, at);
    else if (!tree->risky)
        tree->risky = is_risky(self, tree, at, &self->hops[old], count);
    int32_t now = take_hops(self, self->ports, count, tier);
    if (now == NONE)
        return -1;
    tree->hops[at] = now;
    return note(self, at, tree, now) < 0 ? -1 : 1;
}

/* Look at the next hops of all touched switches again, nearest first, and uphill wherever a tier moved. */
static int refresh(Dags *self, Tree *tree) {
    Set *queued = &self->touched;
    for (Py_ssize_t i = 0; i < queued->count; i++) {
        int32_t at = queued->nodes[i];
        if (tree->distance[at] != FAR) {
            if (heap_push(&self->heap, tree->distance[at], at) < 0)
                return -1;
        } else if (tree->hops[at] != NONE) {
            drop_hops(self, tree->hops[at]);
            tree->hops[at] = NONE;
            if (note(self, at, tree, NONE) < 0)
                return -1;
        }
    }
    while (self->heap.count) {
        Item item = heap_pop(&self->heap);
        if (item.node == tree->root)
            continue;
        int32_t old = tree->hops[item.node];
        int changed = choose(self, tree, item.node);
        if (changed <= 0) {
            if (changed < 0)
                return -1;
            continue;
        }
        int rises = old == NONE || self->hops[old].tier != self->hops[tree->hops[item.node]].tier;
        drop_hops(self, old);
        const Node *node = &self->nodes[item.node];
        for (int32_t i = 0; rises && i < node->count; i++) {
            Arc arc = node->arcs[i];
            if (set_has(queued, arc.to) || tree->distance[arc.to] != item.distance + arc.cost)
                continue;
            set_add(queued, arc.to);
            if (heap_push(&self->heap, tree->distance[arc.to], arc.to) < 0)
                return -1;
        }
    }
    return 0;
}

/* Work link changes, already among the arcs, into one tree. */
static int update_tree(Dags *self, Tree *tree, const Change *changes, Py_ssize_t count) {
    const int64_t *distance = tree->distance;
    Py_ssize_t better = 0;
    int begun = 0;
    tree->risky = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        const Change *change = &changes[i];
        int64_t far = distance[change->to], near = distance[change->from];
        if (far == FAR)
            continue;
        int lost = change->before && near == far + change->before;
        int gains = change->after && far + change->after <= near;
        if (!lost && !gains)
            continue;
        if (!begun) {
            begun = 1;
            set_clear(&self->touched, self->room);
            set_clear(&self->orphans, self->room);
            set_clear(&self->moved, self->room);
            set_clear(&self->fresh, self->room);
        }
        if (gains)
            self->better[better++] = (int32_t)i;
        if (lost) {
            set_add(&self->touched, change->from);
            if (heap_push(&self->heap, near, change->from) < 0)
                return -1;
        }
    }
    if (!begun)
        return 0;
    if (find_orphans(self, tree) < 0 || make_offers(self, tree, changes, better) < 0 || settle(self, tree) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < self->orphans.count; i++)
        set_add(&self->moved, self->orphans.nodes[i]);
    for (Py_ssize_t i = 0; i < self->moved.count; i++) {
        const Node *node = &self->nodes[self->moved.nodes[i]];
        set_add(&self->touched, self->moved.nodes[i]);
        for (int32_t j = 0; j < node->count; j++)
            set_add(&self->touched, node->arcs[j].to);
    }
    return refresh(self, tree);
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

static int enter(Dags *self) {
    if (self->broken || self->busy || self->make == NULL) {
        PyErr_SetString(PyExc_RuntimeError, self->broken ? "an earlier change failed half-way; compute from scratch"
                                                         : "called from within itself");
        return -1;
    }
    self->busy = 1;
    self->changed_count = 0;
    self->heap.count = 0;
    return 0;
}

/* What changed as a list of (switch, destination, next hops or None); NULL, and broken, when anything failed. */
static PyObject *leave(Dags *self, int failed) {
    PyObject *list = failed ? NULL : PyList_New(self->changed_count);
    for (Py_ssize_t i = 0; list != NULL && i < self->changed_count; i++) {
        Moved moved = self->changed[i];
        PyObject *hops = moved.hops == NONE ? Py_None : hops_object(self, moved.hops);
        PyObject *item = hops == NULL ? NULL : PyTuple_Pack(3, self->nodes[moved.node].name, self->nodes[moved.root].name, hops);
        if (item == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, item);
    }
    self->busy = 0;
    self->broken = list == NULL;
    return list;
}

/* Read one change of a link: both ends are made known, both directions noted in changes[0] and changes[1]. */
static int read_change(Dags *self, PyObject *item, Change *changes) {
    PyObject *a, *b;
    unsigned int a_port, b_port;
    long long was, is;
    if (!PyArg_ParseTuple(item, "OIOILL", &a, &a_port, &b, &b_port, &was, &is))
        return -1;
    if (was < 0 || is < 0 || was > MAX_COST || is > MAX_COST) {
        PyErr_SetString(PyExc_ValueError, "a cost is not within 0 to 2^40");
        return -1;
    }
    int own = PyObject_RichCompareBool(a, b, Py_EQ);
    if (own != 0) {
        if (own > 0)
            PyErr_SetString(PyExc_ValueError, "a link joins a switch with itself");
        return -1;
    }
    int32_t near = node_of(self, a), far = near == NONE ? NONE : node_of(self, b);
    if (far == NONE)
        return -1;
    if (was && (drop_arc(self, near, far, a_port, was) < 0 || drop_arc(self, far, near, b_port, was) < 0))
        return -1;
    if (is && (add_arc(self, near, far, a_port, is) < 0 || add_arc(self, far, near, b_port, is) < 0))
        return -1;
    changes[0] = (Change){near, far, was, is};
    changes[1] = (Change){far, near, was, is};
    return 0;
}

static PyObject *dags_update(Dags *self, PyObject *given) {
    PyObject *sequence = PySequence_Fast(given, "changes must be a sequence");
    if (sequence == NULL)
        return NULL;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence);
    Change *changes = malloc(((size_t)count + 1) * 2 * sizeof(Change));
    if (changes == NULL || enter(self) < 0) {
        if (changes == NULL)
            PyErr_NoMemory();
        free(changes);
        Py_DECREF(sequence);
        return NULL;
    }
    int failed = grow((void **)&self->better, &self->better_room, 2 * count, sizeof(int32_t)) < 0;
    for (Py_ssize_t i = 0; i < count && !failed; i++)
        failed = read_change(self, PySequence_Fast_GET_ITEM(sequence, i), &changes[2 * i]) < 0;
    for (int32_t i = 0; i < self->tree_count && !failed; i++)
        failed = update_tree(self, self->trees[i], changes, 2 * count) < 0;
    PyObject *result = leave(self, failed);
    for (Py_ssize_t i = 0; i < 2 * count && result != NULL; i++)
        if (forget_if_alone(self, changes[i].from) < 0)
            Py_CLEAR(result);
    free(changes);
    Py_DECREF(sequence);
    return result;
}

static void free_tree(Tree *tree) {
    free(tree->distance);
    free(tree->hops);
    free(tree);
}

static PyObject *dags_add(Dags *self, PyObject *name) {
    if (enter(self) < 0)
        return NULL;
    int32_t root = node_of(self, name);
    if (root == NONE || self->nodes[root].tree != NULL)
        return leave(self, root == NONE);
    Tree *tree = calloc(1, sizeof(Tree));
    if (tree == NULL || grow_tree(tree, 0, self->room) < 0 ||
        grow32((void **)&self->trees, &self->tree_room, self->tree_count + 1, sizeof(Tree *)) < 0) {
        if (tree != NULL)
            free_tree(tree);
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return leave(self, 1);
    }
    tree->root = root;
    tree->place = self->tree_count;
    self->trees[self->tree_count++] = tree;
    self->nodes[root].tree = tree;
    set_clear(&self->touched, self->room);
    set_clear(&self->moved, self->room);
    set_clear(&self->fresh, self->room);
    int failed = heap_push(&self->heap, 0, root) < 0 || settle(self, tree) < 0;
    for (Py_ssize_t i = 0; i < self->moved.count && !failed; i++)
        set_add(&self->touched, self->moved.nodes[i]);
    return leave(self, failed || refresh(self, tree) < 0);
}

static PyObject *dags_remove(Dags *self, PyObject *name) {
    if (enter(self) < 0)
        return NULL;
    PyObject *known = PyDict_GetItemWithError(self->index, name);
    Tree *tree = known == NULL ? NULL : self->nodes[PyLong_AsLong(known)].tree;
    if (tree == NULL)
        return leave(self, PyErr_Occurred() != NULL);
    int failed = 0;
    for (int32_t i = 0; i < self->count && !failed; i++)
        if (tree->hops[i] != NONE) {
            drop_hops(self, tree->hops[i]);
            tree->hops[i] = NONE;
            failed = note(self, i, tree, NONE) < 0;
        }
    PyObject *result = leave(self, failed);
    self->trees[tree->place] = self->trees[--self->tree_count];
    self->trees[tree->place]->place = tree->place;
    self->nodes[tree->root].tree = NULL;
    int32_t root = tree->root;
    free_tree(tree);
    if (result != NULL && forget_if_alone(self, root) < 0)
        Py_CLEAR(result);
    return result;
}

/* The tree of a destination and the index of a switch; 0 when either is not known, -1 on error. */
static int locate(Dags *self, PyObject *args, Tree **tree, int32_t *at) {
    PyObject *name, *destination;
    if (self->index == NULL || !PyArg_ParseTuple(args, "OO", &name, &destination))
        return self->index == NULL ? 0 : -1;
    PyObject *root = PyDict_GetItemWithError(self->index, destination);
    PyObject *node = root == NULL ? NULL : PyDict_GetItemWithError(self->index, name);
    if (node == NULL)
        return PyErr_Occurred() ? -1 : 0;
    *tree = self->nodes[PyLong_AsLong(root)].tree;
    *at = (int32_t)PyLong_AsLong(node);
    return *tree != NULL;
}

static PyObject *dags_next_hops(Dags *self, PyObject *args) {
    Tree *tree;
    int32_t at;
    int found = locate(self, args, &tree, &at);
    if (found < 0)
        return NULL;
    if (!found || tree->hops[at] == NONE)
        Py_RETURN_NONE;
    return Py_XNewRef(hops_object(self, tree->hops[at]));
}

static PyObject *dags_distance(Dags *self, PyObject *args) {
    Tree *tree;
    int32_t at;
    int found = locate(self, args, &tree, &at);
    if (found < 0)
        return NULL;
    if (!found || tree->distance[at] == FAR)
        Py_RETURN_NONE;
    return PyLong_FromLongLong(tree->distance[at]);
}

static PyObject *dags_risky(Dags *self, PyObject *unused) {
    (void)unused;
    PyObject *list = PyList_New(0);
    for (int32_t i = 0; list != NULL && i < self->tree_count; i++)
        if (self->trees[i]->risky && PyList_Append(list, self->nodes[self->trees[i]->root].name) < 0)
            Py_CLEAR(list);
    return list;
}

/* ---- type and module -------------------------------------------------------------------------------------------- */

static int dags_traverse(Dags *self, visitproc visit, void *arg) {
    Py_VISIT(self->make);
    Py_VISIT(self->index);
    for (int32_t i = 0; i < self->hops_count; i++)
        Py_VISIT(self->hops[i].object);
    return 0;
}

static int dags_clear(Dags *self) {
    Py_CLEAR(self->make);
    Py_CLEAR(self->index);
    for (int32_t i = 0; i < self->hops_count; i++)
        Py_CLEAR(self->hops[i].object);
    return 0;
}

static void dags_dealloc(Dags *self) {
    PyObject_GC_UnTrack(self);
    dags_clear(self);
    for (int32_t i = 0; i < self->count; i++) {
        Py_XDECREF(self->nodes[i].name);
        free(self->nodes[i].arcs);
    }
    for (int32_t i = 0; i < self->tree_count; i++)
        free_tree(self->trees[i]);
    for (int32_t i = 0; i < self->hops_count; i++)
        free(self->hops[i].ports);
    Set *sets[] = {&self->orphans, &self->moved, &self->touched, &self->fresh};
    for (int i = 0; i < 4; i++) {
        free(sets[i]->nodes);
        free(sets[i]->marks);
    }
    free(self->nodes);
    free(self->unused);
    free(self->trees);
    free(self->hops);
    free(self->buckets);
    free(self->ports);
    free(self->heap.items);
    free(self->better);
    free(self->changed);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *dags_new(PyTypeObject *type, PyObject *args, PyObject *named) {
    static char *names[] = {"make", NULL};
    PyObject *make;
    if (!PyArg_ParseTupleAndKeywords(args, named, "O", names, &make))
        return NULL;
    Dags *self = (Dags *)type->tp_alloc(type, 0); /* all zero */
    if (self == NULL)
        return NULL;
    self->make = Py_NewRef(make);
    self->index = PyDict_New();
    self->hops_free = NONE;
    if (self->index == NULL || rehash(self, 64) < 0 || grow_nodes(self) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyMethodDef dags_methods[] = {
    {"update", (PyCFunction)dags_update, METH_O, "Work changes of links into all DAGs; see dags.Dags.update."},
    {"add", (PyCFunction)dags_add, METH_O, "One destination more; see dags.Dags.add."},
    {"remove", (PyCFunction)dags_remove, METH_O, "One destination less; see dags.Dags.remove."},
    {"next_hops", (PyCFunction)dags_next_hops, METH_VARARGS, "Next hops of a switch; see dags.Dags.next_hops."},
    {"risky", (PyCFunction)dags_risky, METH_NOARGS, "Which DAGs changed riskily; see dags.Dags.risky."},
    {"distance", (PyCFunction)dags_distance, METH_VARARGS, "Cost of the shortest paths; see dags.Dags.distance."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject dags_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "sdn.routing._dags.Dags",
    .tp_basicsize = sizeof(Dags),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "Shortest-path DAGs, compiled; the interface is that of sdn.routing.dags.Dags.",
    .tp_new = dags_new,
    .tp_dealloc = (destructor)dags_dealloc,
    .tp_traverse = (traverseproc)dags_traverse,
    .tp_clear = (inquiry)dags_clear,
    .tp_methods = dags_methods,
};

static int dags_exec(PyObject *module) {
    if (PyModule_AddStringConstant(module, "SOURCE", SOURCE_DIGEST) < 0) return -1;
    return PyModule_AddType(module, &dags_type);
}

static PyModuleDef_Slot dags_slots[] = {{Py_mod_exec, dags_exec}, {0, NULL}};

static PyModuleDef dags_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_dags",
    .m_doc = "Compiled twin of sdn.routing.dags.",
    .m_slots = dags_slots,
};

PyMODINIT_FUNC PyInit__dags(void) { return PyModuleDef_Init(&dags_module); }
