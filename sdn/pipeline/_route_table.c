/* Flows whose key follows from a destination and whose body from next hops: the compiled twin of route_table.py.
 *
 * It knows nothing of OpenFlow: keys, bodies, groups and entries are opaque objects, which it puts into the dictionaries
 * of programs. route_table.py is its oracle in the tests.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#ifndef SOURCE_DIGEST /* of this file, from setup.py */
#define SOURCE_DIGEST ""
#endif

#define MAX_MADE 65536

/* A group of a switch that routes use. */
typedef struct {
    unsigned long number;
    Py_ssize_t users;
    PyObject *content;
} Use;

typedef struct {
    PyObject *flows, *groups; /* of the program */
    PyObject **routes;        /* by destination; NULL: none */
    PyObject **repairs;       /* likewise: their repair hops */
    Py_ssize_t room;
    Use *uses; /* by number */
    Py_ssize_t use_count, use_room;
    int own; /* it shares no routes with others */
} Switch;

typedef struct {
    PyObject *name;
    PyObject *keys, *entries; /* tuples of equal length */
} Destination;

typedef struct {
    Py_ssize_t place;
    unsigned long number;
    PyObject *dpid, *entry;
} Idle;

typedef struct {
    PyObject_HEAD
    PyObject *make;
    PyObject *made;          /* dict: addresses of next hops and repair hops -> Route, which holds them */
    PyObject *switch_places; /* dict: dpid -> index */
    PyObject *destination_places;
    Switch *switches;
    Py_ssize_t switch_count, switch_room;
    Destination *destinations;
    Py_ssize_t destination_count, destination_room;
    Idle *idle;
    Py_ssize_t idle_count, idle_room;
    PyObject *no_groups, *no_repairs;
    int busy;
} RouteTable;

/* The parts of a Route, borrowed. */
#define HOPS(route) PyTuple_GET_ITEM(route, 0)
#define BODIES(route) PyTuple_GET_ITEM(route, 1)
#define GROUPS(route) PyTuple_GET_ITEM(route, 2)
#define REPAIR(route) PyTuple_GET_ITEM(route, 3)

static int grow(void **block, Py_ssize_t *room, Py_ssize_t wanted, size_t size) {
    if (wanted <= *room)
        return 0;
    Py_ssize_t more = *room ? *room : 16;
    while (more < wanted)
        more *= 2;
    void *bigger = PyMem_Realloc(*block, (size_t)more * size);
    if (bigger == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *block = bigger;
    *room = more;
    return 0;
}

/* 1: a and b are equal; 0: they are not; -1: error. */
static int same(PyObject *a, PyObject *b) { return a == b ? 1 : PyObject_RichCompareBool(a, b, Py_EQ); }

static Py_ssize_t place_of(PyObject *places, PyObject *name) {
    PyObject *found = PyDict_GetItemWithError(places, name);
    return found == NULL ? -1 : PyLong_AsSsize_t(found);
}

static int add_place(PyObject *places, PyObject *name, Py_ssize_t place) {
    if (PyDict_GetItemWithError(places, name) != NULL) {
        PyErr_SetString(PyExc_ValueError, "added twice");
        return -1;
    }
    PyObject *number = PyErr_Occurred() ? NULL : PyLong_FromSsize_t(place);
    int status = number == NULL ? -1 : PyDict_SetItem(places, name, number);
    Py_XDECREF(number);
    return status;
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

/* Ask for the route of next hops; a new reference. */
static PyObject *make_route(RouteTable *self, PyObject *dpid, PyObject *hops, PyObject *repair, PyObject *groups) {
    PyObject *route = PyObject_CallFunctionObjArgs(self->make, dpid, hops, repair, groups, NULL);
    if (route == NULL)
        return NULL;
    int right = PyTuple_Check(route) && PyTuple_GET_SIZE(route) == 4 && HOPS(route) == hops && REPAIR(route) == repair &&
                PyTuple_Check(BODIES(route)) && PyTuple_Check(GROUPS(route));
    for (Py_ssize_t i = 0; right && i < PyTuple_GET_SIZE(GROUPS(route)); i++) {
        PyObject *group = PyTuple_GET_ITEM(GROUPS(route), i);
        right = PyTuple_Check(group) && PyTuple_GET_SIZE(group) == 3 && PyLong_Check(PyTuple_GET_ITEM(group, 0));
        if (right && PyLong_AsUnsignedLong(PyTuple_GET_ITEM(group, 0)) == (unsigned long)-1 && PyErr_Occurred()) {
            Py_DECREF(route);
            return NULL;
        }
    }
    if (!right) {
        PyErr_SetString(PyExc_TypeError, "a route is (hops as given, bodies, ((id, group, entry), ...), repair as given)");
        Py_CLEAR(route);
    }
    return route;
}

/* Where a group is among those in use, or would be inserted. */
static Py_ssize_t find_use(const Switch *sw, unsigned long number) {
    Py_ssize_t low = 0, high = sw->use_count;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (sw->uses[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static Use *use_of(const Switch *sw, unsigned long number) {
    Py_ssize_t at = find_use(sw, number);
    return at < sw->use_count && sw->uses[at].number == number ? &sw->uses[at] : NULL;
}

/* Whether every group of a route is on the switch as it is, or not at all, and no two of them want the same id. */
static int fits(PyObject *route, const Switch *sw) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(GROUPS(route)); i++) {
        PyObject *group = PyTuple_GET_ITEM(GROUPS(route), i);
        unsigned long number = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(group, 0));
        for (Py_ssize_t j = 0; j < i; j++)
            if (PyLong_AsUnsignedLong(PyTuple_GET_ITEM(PyTuple_GET_ITEM(GROUPS(route), j), 0)) == number)
                return 0;
        Use *use = use_of(sw, number);
        PyObject *there = use ? use->content : PyDict_GetItemWithError(sw->groups, PyTuple_GET_ITEM(group, 0));
        int right = there == NULL ? (PyErr_Occurred() ? -1 : 1) : same(there, PyTuple_GET_ITEM(group, 1));
        if (right != 1)
            return right;
    }
    return 1;
}

/* The route of next hops that all switches share; a new reference. */
static PyObject *shared_route(RouteTable *self, PyObject *hops, PyObject *repair) {
    PyObject *both[] = {hops, repair};
    PyObject *addresses = PyBytes_FromStringAndSize((const char *)both, sizeof(both));
    if (addresses == NULL)
        return NULL;
    PyObject *route = Py_XNewRef(PyDict_GetItemWithError(self->made, addresses));
    if (route == NULL && !PyErr_Occurred()) {
        if (PyDict_GET_SIZE(self->made) >= MAX_MADE)
            PyDict_Clear(self->made);
        route = make_route(self, Py_None, hops, repair, self->no_groups);
        if (route != NULL && PyDict_SetItem(self->made, addresses, route) < 0)
            Py_CLEAR(route);
    }
    Py_DECREF(addresses);
    return route;
}

/* The route of next hops on a switch; a new reference. */
static PyObject *route_of(RouteTable *self, PyObject *dpid, PyObject *hops, PyObject *repair, Switch *sw) {
    if (!sw->own) {
        PyObject *route = shared_route(self, hops, repair);
        int right = route == NULL ? -1 : fits(route, sw);
        if (right == 1)
            return route;
        Py_XDECREF(route);
        if (right < 0)
            return NULL;
        sw->own = 1;
    }
    return make_route(self, dpid, hops, repair, sw->groups);
}

/* ---- one reroute ------------------------------------------------------------------------------------------------ */

/* The body that a route has for a key, borrowed; NULL where it has none. */
static PyObject *body_of(PyObject *route, Py_ssize_t index) {
    PyObject *body = route ? PyTuple_GET_ITEM(BODIES(route), index) : NULL;
    return body == Py_None ? NULL : body;
}

/* Set or delete the flows of a route; those that changed are added to entries. */
static int write_flows(Switch *sw, const Destination *to, PyObject *old, PyObject *now, PyObject *entries) {
    Py_ssize_t count = PyTuple_GET_SIZE(to->keys);
    if (now != NULL && PyTuple_GET_SIZE(BODIES(now)) != count) {
        PyErr_SetString(PyExc_ValueError, "a route has not as many bodies as its destination has keys");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *before = body_of(old, i), *after = body_of(now, i);
        int equal = before && after ? same(before, after) : before == after;
        if (equal < 0)
            return -1;
        if (equal)
            continue;
        PyObject *key = PyTuple_GET_ITEM(to->keys, i);
        int status = after ? PyDict_SetItem(sw->flows, key, after) : PyDict_DelItem(sw->flows, key);
        if (status < 0 || PyList_Append(entries, PyTuple_GET_ITEM(to->entries, i)) < 0)
            return -1;
    }
    return 0;
}

/* One user more for the groups of a route; those that are new are added to entries. */
static int take_groups(Switch *sw, PyObject *route, PyObject *entries) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(GROUPS(route)); i++) {
        PyObject *group = PyTuple_GET_ITEM(GROUPS(route), i), *content = PyTuple_GET_ITEM(group, 1);
        unsigned long number = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(group, 0));
        Py_ssize_t at = find_use(sw, number);
        if (at == sw->use_count || sw->uses[at].number != number) {
            if (grow((void **)&sw->uses, &sw->use_room, sw->use_count + 1, sizeof(Use)) < 0 ||
                PyDict_SetItem(sw->groups, PyTuple_GET_ITEM(group, 0), content) < 0 ||
                PyList_Append(entries, PyTuple_GET_ITEM(group, 2)) < 0)
                return -1;
            memmove(&sw->uses[at + 1], &sw->uses[at], (size_t)(sw->use_count - at) * sizeof(Use));
            sw->use_count++;
            sw->uses[at] = (Use){number, 0, Py_NewRef(content)};
        }
        sw->uses[at].users++;
    }
    return 0;
}

/* One user less for the groups of a route; those without any are noted, as they may find another one yet. */
static int leave_groups(RouteTable *self, PyObject *dpid, Py_ssize_t place, PyObject *route) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(GROUPS(route)); i++) {
        PyObject *group = PyTuple_GET_ITEM(GROUPS(route), i);
        unsigned long number = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(group, 0));
        Use *use = use_of(&self->switches[place], number);
        if (use == NULL || --use->users > 0)
            continue;
        if (grow((void **)&self->idle, &self->idle_room, self->idle_count + 1, sizeof(Idle)) < 0)
            return -1;
        PyObject *entry = PyTuple_GET_ITEM(group, 2);
        self->idle[self->idle_count++] = (Idle){place, number, Py_NewRef(dpid), Py_NewRef(entry)};
    }
    return 0;
}

/* The list of a switch in a dictionary of lists, borrowed. */
static PyObject *list_of(PyObject *lists, PyObject *name) {
    PyObject *list = PyDict_GetItemWithError(lists, name);
    if (list != NULL || PyErr_Occurred())
        return list;
    list = PyList_New(0);
    int status = list == NULL ? -1 : PyDict_SetItem(lists, name, list);
    Py_XDECREF(list);
    return status < 0 ? NULL : list;
}

/* Make room for a destination among the routes of a switch. */
static int make_room(Switch *sw, Py_ssize_t to) {
    Py_ssize_t had = sw->room, room = sw->room;
    if (to < had)
        return 0;
    if (grow((void **)&sw->routes, &room, to + 1, sizeof(PyObject *)) < 0)
        return -1;
    room = had;
    if (grow((void **)&sw->repairs, &room, to + 1, sizeof(PyObject *)) < 0)
        return -1;
    for (Py_ssize_t i = had; i < room; i++)
        sw->routes[i] = sw->repairs[i] = NULL;
    sw->room = room;
    return 0;
}

/* Replace a route; what changes is told by switch, and item among what moved unless that is NULL. Takes over the
 * reference to now. */
static int replace(RouteTable *self, PyObject *item, Py_ssize_t from, Py_ssize_t to, PyObject *now, PyObject *changed,
                   PyObject *moved) {
    Switch *sw = &self->switches[from];
    PyObject *dpid = PyTuple_GET_ITEM(item, 0), *old = sw->routes[to];
    if (old == now) {
        Py_XDECREF(now);
        return 0;
    }
    sw->routes[to] = now;
    PyObject *entries = list_of(changed, dpid);
    Py_ssize_t count = entries == NULL ? 0 : PyList_GET_SIZE(entries);
    int status = entries == NULL ? -1 : write_flows(sw, &self->destinations[to], old, now, entries);
    if (status == 0 && now != NULL)
        status = take_groups(sw, now, entries);
    if (status == 0 && old != NULL)
        status = leave_groups(self, dpid, from, old);
    if (status == 0 && PyList_GET_SIZE(entries) > count)
        status = moved ? PyList_Append(moved, item) : 0;
    else if (status == 0 && count == 0)
        status = PyDict_DelItem(changed, dpid);
    Py_XDECREF(old);
    return status;
}

/* What apply does: note repair hops, change next hops, or use the repair hops that were noted. */
enum { NOTE, REROUTE, USE };

/* One step of one change. */
static int apply(RouteTable *self, PyObject *item, int step, PyObject *changed, PyObject *moved, PyObject *unplaced) {
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 3) {
        PyErr_SetString(PyExc_TypeError, "a change is (switch, destination, hops or None)");
        return -1;
    }
    PyObject *dpid = PyTuple_GET_ITEM(item, 0), *hops = PyTuple_GET_ITEM(item, 2);
    Py_ssize_t from = place_of(self->switch_places, dpid);
    Py_ssize_t to = place_of(self->destination_places, PyTuple_GET_ITEM(item, 1));
    if (from < 0 || to < 0)
        return PyErr_Occurred() ? -1 : step == USE ? 0 : PyList_Append(unplaced, item);
    Switch *sw = &self->switches[from];
    if (make_room(sw, to) < 0)
        return -1;
    hops = hops == Py_None ? NULL : hops;
    if (step == NOTE) {
        Py_XSETREF(sw->repairs[to], Py_XNewRef(hops));
        return 0;
    }
    if (step == USE) {
        if (sw->routes[to] == NULL)
            return 0;
        hops = HOPS(sw->routes[to]);
    }
    PyObject *repair = sw->repairs[to] ? sw->repairs[to] : Py_None, *now = NULL;
    if (hops != NULL && (now = route_of(self, dpid, hops, repair, sw)) == NULL)
        return -1;
    return replace(self, item, from, to, now, changed, moved);
}

/* Groups that ended without a user go. */
static int drop_idle(RouteTable *self, PyObject *changed) {
    for (Py_ssize_t i = 0; i < self->idle_count; i++) {
        Idle *idle = &self->idle[i];
        Switch *sw = &self->switches[idle->place];
        Use *use = use_of(sw, idle->number);
        if (use == NULL || use->users > 0)
            continue;
        PyObject *entries = list_of(changed, idle->dpid), *number = PyLong_FromUnsignedLong(idle->number);
        int status = entries && number ? PyDict_DelItem(sw->groups, number) : -1;
        Py_XDECREF(number);
        if (status < 0 || PyList_Append(entries, idle->entry) < 0)
            return -1;
        Py_DECREF(use->content);
        memmove(use, use + 1, (size_t)(&sw->uses[--sw->use_count] - use) * sizeof(Use));
    }
    return 0;
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

static void clear_idle(RouteTable *self) {
    for (Py_ssize_t i = 0; i < self->idle_count; i++) {
        Py_DECREF(self->idle[i].dpid);
        Py_DECREF(self->idle[i].entry);
    }
    self->idle_count = 0;
}

/* Whether an update is under way, whose pointers must stay what they are. */
static int is_busy(RouteTable *self) {
    if (self->busy || self->make == NULL)
        PyErr_SetString(PyExc_RuntimeError, self->busy ? "called from within itself" : "called while it is torn down");
    return self->busy || self->make == NULL;
}

/* One step of all changes of a list. */
static int apply_all(RouteTable *self, PyObject *changes, int step, PyObject *changed, PyObject *moved,
                     PyObject *unplaced) {
    int status = 0;
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(changes); i++)
        status = apply(self, PyList_GET_ITEM(changes, i), step, changed, moved, unplaced);
    return status;
}

static PyObject *table_update(RouteTable *self, PyObject *args) {
    PyObject *reroutes, *repairs = self->no_repairs, *result = NULL;
    if (is_busy(self) || !PyArg_ParseTuple(args, "O|O", &reroutes, &repairs))
        return NULL;
    reroutes = PySequence_List(reroutes); /* of our own: nobody else changes it meanwhile */
    repairs = reroutes ? PySequence_List(repairs) : NULL;
    PyObject *changed = PyDict_New(), *moved = PyList_New(0), *left = PyList_New(0), *unrepaired = PyList_New(0);
    self->busy = 1;
    if (repairs && changed && moved && left && unrepaired &&
        apply_all(self, repairs, NOTE, changed, NULL, unrepaired) == 0 &&
        apply_all(self, reroutes, REROUTE, changed, moved, left) == 0 &&
        apply_all(self, repairs, USE, changed, NULL, NULL) == 0 && drop_idle(self, changed) == 0)
        result = PyTuple_Pack(4, changed, moved, left, unrepaired);
    self->busy = 0;
    clear_idle(self);
    Py_XDECREF(reroutes);
    Py_XDECREF(repairs);
    Py_XDECREF(changed);
    Py_XDECREF(moved);
    Py_XDECREF(left);
    Py_XDECREF(unrepaired);
    return result;
}

static PyObject *table_add_switch(RouteTable *self, PyObject *args) {
    PyObject *dpid, *flows, *groups;
    int own = 0;
    if (is_busy(self) ||
        !PyArg_ParseTuple(args, "OO!O!|p", &dpid, &PyDict_Type, &flows, &PyDict_Type, &groups, &own))
        return NULL;
    if (grow((void **)&self->switches, &self->switch_room, self->switch_count + 1, sizeof(Switch)) < 0 ||
        add_place(self->switch_places, dpid, self->switch_count) < 0)
        return NULL;
    self->switches[self->switch_count++] = (Switch){Py_NewRef(flows), Py_NewRef(groups), NULL, NULL, 0, NULL, 0, 0, own};
    Py_RETURN_NONE;
}

static PyObject *table_add_destination(RouteTable *self, PyObject *args) {
    PyObject *name, *given;
    if (is_busy(self) || !PyArg_ParseTuple(args, "OO", &name, &given))
        return NULL;
    PyObject *entries = PySequence_Tuple(given), *keys = NULL;
    if (entries == NULL || (keys = PyTuple_New(PyTuple_GET_SIZE(entries))) == NULL)
        goto failed;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(entries); i++) {
        PyObject *key = PySequence_GetItem(PyTuple_GET_ITEM(entries, i), 1);
        if (key == NULL)
            goto failed;
        PyTuple_SET_ITEM(keys, i, key);
    }
    if (grow((void **)&self->destinations, &self->destination_room, self->destination_count + 1,
             sizeof(Destination)) < 0 ||
        add_place(self->destination_places, name, self->destination_count) < 0)
        goto failed;
    self->destinations[self->destination_count++] = (Destination){Py_NewRef(name), keys, entries};
    Py_RETURN_NONE;
failed:
    Py_XDECREF(entries);
    Py_XDECREF(keys);
    return NULL;
}

static PyObject *table_routes(RouteTable *self, PyObject *dpid) {
    PyObject *result = PyDict_New();
    Py_ssize_t place = place_of(self->switch_places, dpid);
    if (result == NULL || (place < 0 && !PyErr_Occurred()))
        return result;
    int status = place < 0 ? -1 : 0;
    for (Py_ssize_t i = 0; status == 0 && i < self->switches[place].room; i++)
        if (self->switches[place].routes[i] != NULL)
            status = PyDict_SetItem(result, self->destinations[i].name, self->switches[place].routes[i]);
    if (status < 0)
        Py_CLEAR(result);
    return result;
}

/* By (switch, destination): next hops, or repair hops. */
static PyObject *look_up(RouteTable *self, PyObject *given, int repairs) {
    PyObject *keys = PySequence_Fast(given, "keys must be a sequence"), *result = NULL;
    Py_ssize_t count = keys == NULL ? 0 : PySequence_Fast_GET_SIZE(keys);
    if (keys != NULL)
        result = PyList_New(count);
    for (Py_ssize_t i = 0; result != NULL && i < count; i++) {
        PyObject *key = PySequence_Fast_GET_ITEM(keys, i), *hops = Py_None;
        if (!PyTuple_Check(key) || PyTuple_GET_SIZE(key) != 2) {
            PyErr_SetString(PyExc_TypeError, "a key is (switch, destination)");
            Py_CLEAR(result);
            break;
        }
        Py_ssize_t from = place_of(self->switch_places, PyTuple_GET_ITEM(key, 0));
        Py_ssize_t to = place_of(self->destination_places, PyTuple_GET_ITEM(key, 1));
        if ((from < 0 || to < 0) && PyErr_Occurred()) {
            Py_CLEAR(result);
            break;
        }
        Switch *sw = from >= 0 && to >= 0 && to < self->switches[from].room ? &self->switches[from] : NULL;
        if (sw != NULL && repairs)
            hops = sw->repairs[to] != NULL ? sw->repairs[to] : Py_None;
        else if (sw != NULL && sw->routes[to] != NULL)
            hops = HOPS(sw->routes[to]);
        PyList_SET_ITEM(result, i, Py_NewRef(hops));
    }
    Py_XDECREF(keys);
    return result;
}

static PyObject *table_hops_of(RouteTable *self, PyObject *given) { return look_up(self, given, 0); }

static PyObject *table_repairs_of(RouteTable *self, PyObject *given) { return look_up(self, given, 1); }

/* ---- type and module -------------------------------------------------------------------------------------------- */

static int table_traverse(RouteTable *self, visitproc visit, void *arg) {
    Py_VISIT(self->make);
    Py_VISIT(self->made);
    for (Py_ssize_t i = 0; i < self->switch_count; i++) {
        Switch *sw = &self->switches[i];
        Py_VISIT(sw->flows);
        Py_VISIT(sw->groups);
        for (Py_ssize_t j = 0; j < sw->room; j++)
            Py_VISIT(sw->routes[j]); /* repair hops are frozen values without references of their own */
    }
    return 0;
}

static int table_clear(RouteTable *self) {
    Py_CLEAR(self->make);
    Py_CLEAR(self->made);
    for (Py_ssize_t i = 0; i < self->switch_count; i++) {
        Switch *sw = &self->switches[i];
        Py_CLEAR(sw->flows);
        Py_CLEAR(sw->groups);
        for (Py_ssize_t j = 0; j < sw->room; j++) {
            Py_CLEAR(sw->routes[j]);
            Py_CLEAR(sw->repairs[j]);
        }
        for (Py_ssize_t j = 0; j < sw->use_count; j++)
            Py_CLEAR(sw->uses[j].content);
        PyMem_Free(sw->routes);
        PyMem_Free(sw->repairs);
        PyMem_Free(sw->uses);
    }
    self->switch_count = 0;
    return 0;
}

static void table_dealloc(RouteTable *self) {
    PyObject_GC_UnTrack(self);
    table_clear(self);
    clear_idle(self);
    for (Py_ssize_t i = 0; i < self->destination_count; i++) {
        Py_DECREF(self->destinations[i].name);
        Py_DECREF(self->destinations[i].keys);
        Py_DECREF(self->destinations[i].entries);
    }
    Py_XDECREF(self->switch_places);
    Py_XDECREF(self->destination_places);
    Py_XDECREF(self->no_groups);
    Py_XDECREF(self->no_repairs);
    PyMem_Free(self->switches);
    PyMem_Free(self->destinations);
    PyMem_Free(self->idle);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *table_new(PyTypeObject *type, PyObject *args, PyObject *named) {
    static char *names[] = {"make", NULL};
    PyObject *make;
    if (!PyArg_ParseTupleAndKeywords(args, named, "O", names, &make))
        return NULL;
    RouteTable *self = (RouteTable *)type->tp_alloc(type, 0); /* all zero */
    if (self == NULL)
        return NULL;
    self->make = Py_NewRef(make);
    self->made = PyDict_New();
    self->switch_places = PyDict_New();
    self->destination_places = PyDict_New();
    self->no_groups = PyDict_New();
    self->no_repairs = PyTuple_New(0);
    if (!self->made || !self->switch_places || !self->destination_places || !self->no_groups || !self->no_repairs)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static PyMethodDef table_methods[] = {
    {"add_switch", (PyCFunction)table_add_switch, METH_VARARGS, "See route_table.RouteTable.add_switch."},
    {"add_destination", (PyCFunction)table_add_destination, METH_VARARGS,
     "See route_table.RouteTable.add_destination."},
    {"update", (PyCFunction)table_update, METH_VARARGS, "See route_table.RouteTable.update."},
    {"hops_of", (PyCFunction)table_hops_of, METH_O, "See route_table.RouteTable.hops_of."},
    {"repairs_of", (PyCFunction)table_repairs_of, METH_O, "See route_table.RouteTable.repairs_of."},
    {"routes", (PyCFunction)table_routes, METH_O, "See route_table.RouteTable.routes."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject table_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "sdn.pipeline._route_table.RouteTable",
    .tp_basicsize = sizeof(RouteTable),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "Routes in programs, compiled; the interface is that of sdn.pipeline.route_table.RouteTable.",
    .tp_new = table_new,
    .tp_dealloc = (destructor)table_dealloc,
    .tp_traverse = (traverseproc)table_traverse,
    .tp_clear = (inquiry)table_clear,
    .tp_methods = table_methods,
};

static int table_exec(PyObject *module) {
    if (PyModule_AddStringConstant(module, "SOURCE", SOURCE_DIGEST) < 0) return -1;
    return PyModule_AddType(module, &table_type);
}

static PyModuleDef_Slot table_slots[] = {{Py_mod_exec, table_exec}, {0, NULL}};

static PyModuleDef table_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_route_table",
    .m_doc = "Compiled twin of sdn.pipeline.route_table.",
    .m_slots = table_slots,
};

PyMODINIT_FUNC PyInit__route_table(void) { return PyModuleDef_Init(&table_module); }
