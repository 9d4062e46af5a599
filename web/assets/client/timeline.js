// What a chat shows, as data: messages merged by id and clientMessageId, in the order of the log.

/**
 * @typedef {'sending' | 'accepted' | 'stored' | 'failed'} State
 * @typedef {object} Entry
 * @property {'message' | 'event'} kind
 * @property {string} key stable for as long as the entry lives: what a view may key its nodes by
 * @property {string | null} id the API's id
 * @property {string | null} clientMessageId
 * @property {string} role lower case: user | assistant | agent
 * @property {string} content
 * @property {string} timestamp RFC 3339
 * @property {string | null} updatedAt
 * @property {{id?: string, name?: string, email?: string | null, avatar?: string | null}} sender
 * @property {string | null} epoch
 * @property {number} offset 0 = not sequenced
 * @property {State} state
 * @property {string | null} code why it failed
 */

const MAX_ENTRIES = 2_000; // the oldest stored ones go first

export class Timeline {
  #entries = new Set();
  #byId = new Map();
  #byClientId = new Map();
  #events = new Set();
  #arrivals = 0;

  /** A message of our own that the server does not know yet. */
  addLocal({ clientMessageId, content, role, createdAt, state = 'sending', code = null }) {
    const entry = this.#add({
      clientMessageId,
      content,
      role: role.toLowerCase(),
      timestamp: new Date(createdAt).toISOString(),
      state,
      code,
    });
    this.#byClientId.set(clientMessageId, entry);
    return entry;
  }

  /**
   * A message frame's or the history's data.
   * @returns {{entry: Entry, isNew: boolean}} isNew: it is stored, and was not known to be
   */
  merge(data, place = {}) {
    const clientMessageId = data.clientMessageId ?? null;
    const entry = this.#find(data.id, clientMessageId);
    const isNew = entry?.state !== 'stored';
    const target = entry ?? this.#add({ clientMessageId });
    Object.assign(target, fieldsOf(data, target), { state: 'stored', code: null });
    this.#place(target, place);
    this.#index(target);
    this.#prune();
    return { entry: target, isNew };
  }

  /** message_updated: an id that is not shown is ignored. */
  update(data, place = {}) {
    const entry = this.#byId.get(data.id);
    if (!entry) return null;
    // An update's own place in the log is not the message's: only a message without one keeps none.
    if (data.updatedAt && entry.updatedAt && data.updatedAt < entry.updatedAt) return entry;
    Object.assign(entry, fieldsOf(data, entry), { updatedAt: data.updatedAt ?? place.at ?? null });
    return entry;
  }

  /** ack: the id, and with it the echo that may have come first without a clientMessageId. */
  ack({ clientMessageId, id, status, epoch, offset }) {
    const entry = this.#byClientId.get(clientMessageId);
    if (!entry) return null;
    const merged = id ? this.#find(id, clientMessageId) : entry;
    if (id) merged.id = id;
    if (merged.state !== 'stored') merged.state = status === 'accepted' ? 'accepted' : 'stored';
    merged.code = null;
    this.#place(merged, { epoch, offset });
    this.#index(merged);
    return merged;
  }

  /** @param {{id?: string, clientMessageId?: string}} which */
  fail({ id, clientMessageId }, code) {
    const entry = this.#byClientId.get(clientMessageId) ?? this.#byId.get(id);
    if (entry) Object.assign(entry, { state: 'failed', code });
    return entry ?? null;
  }

  /** Sends a failed one again, under the same id. */
  retry(clientMessageId) {
    const entry = this.#byClientId.get(clientMessageId);
    if (entry?.state === 'failed') Object.assign(entry, { state: 'sending', code: null });
  }

  remove(clientMessageId) {
    const entry = this.#byClientId.get(clientMessageId);
    if (entry) this.#delete(entry);
  }

  /** An agent came; each agent is shown once. */
  joined({ agentId, agentName, timestamp }, place = {}) {
    if (this.#events.has(agentId)) return null;
    this.#events.add(agentId);
    const entry = this.#add({ kind: 'event', content: agentName || 'Agent', timestamp, state: 'stored' });
    this.#place(entry, place);
    return entry;
  }

  /** @returns {Entry[]} in the order in which it is shown */
  list() {
    const sequenced = [];
    const dated = []; // from the history, which has no offsets
    const local = [];
    for (const e of this.#entries) {
      if (e.offset > 0) sequenced.push(e);
      else if (e.state === 'stored') dated.push(e);
      else local.push(e);
    }
    sequenced.sort((a, b) => compare(a.epoch, b.epoch) || a.offset - b.offset);
    dated.sort((a, b) => compare(a.timestamp, b.timestamp) || a.arrival - b.arrival);
    local.sort((a, b) => a.arrival - b.arrival);
    return this.#hideEchoed(mergeByTime(sequenced, dated), local);
  }

  /** @returns {Entry | undefined} the last message that has an id */
  last() {
    return this.list().findLast((e) => e.kind === 'message' && e.id);
  }

  // With an API that publishes by itself the echo may come before the ack that links it to ours. Until then ours is
  // left out where a stored one of the same text and role came after it was sent: one message, one bubble.
  #hideEchoed(confirmed, local) {
    const taken = new Set();
    const shown = local.filter((mine) => {
      if (mine.state === 'failed' || mine.id) return true;
      const echo = confirmed.find((e) =>
        !e.clientMessageId && !taken.has(e) && e.arrival > mine.arrival && e.role === mine.role && e.content === mine.content);
      if (echo) taken.add(echo);
      return !echo;
    });
    return [...confirmed, ...shown];
  }

  #add(fields) {
    const arrival = ++this.#arrivals;
    const entry = {
      kind: 'message', key: `e${arrival}`, id: null, clientMessageId: null, role: 'user', content: '', timestamp: '',
      updatedAt: null, sender: {}, epoch: null, offset: 0, state: 'stored', code: null, arrival, ...fields,
    };
    this.#entries.add(entry);
    return entry;
  }

  // Finds by either name. When the two names belong to two entries they are one message: ours stays, the echo goes.
  #find(id, clientMessageId) {
    const mine = clientMessageId ? this.#byClientId.get(clientMessageId) : undefined;
    const echo = id ? this.#byId.get(id) : undefined;
    if (mine && echo && mine !== echo) {
      const { content, role, timestamp, sender, epoch, offset, updatedAt } = echo;
      this.#delete(echo);
      Object.assign(mine, { id, content, role, timestamp, sender, epoch, offset, updatedAt, state: 'stored' });
    }
    return mine ?? echo ?? null;
  }

  #place(entry, { epoch, offset }) {
    if (!epoch || !(offset > 0)) return;
    if (entry.offset > 0 && entry.epoch >= epoch) return; // the first place in the newest epoch holds
    entry.epoch = epoch;
    entry.offset = offset;
  }

  #index(entry) {
    if (entry.id) this.#byId.set(entry.id, entry);
    if (entry.clientMessageId) this.#byClientId.set(entry.clientMessageId, entry);
  }

  #delete(entry) {
    this.#entries.delete(entry);
    this.#byId.delete(entry.id);
    this.#byClientId.delete(entry.clientMessageId);
  }

  #prune() {
    if (this.#entries.size <= MAX_ENTRIES) return;
    const oldest = this.list().find((e) => e.state === 'stored');
    if (oldest) this.#delete(oldest);
  }
}

function fieldsOf(data, entry) {
  return {
    id: data.id ?? entry.id,
    clientMessageId: data.clientMessageId ?? entry.clientMessageId,
    content: typeof data.content === 'string' ? data.content : entry.content,
    role: typeof data.role === 'string' ? data.role.toLowerCase() : entry.role,
    timestamp: data.timestamp ?? data.createdAt ?? entry.timestamp,
    updatedAt: data.updatedAt ?? entry.updatedAt,
    sender: data.sender ?? entry.sender,
  };
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// Keeps the log's order whatever the clocks say, and puts the history between it by time.
function mergeByTime(sequenced, dated) {
  const out = [];
  let d = 0;
  for (const s of sequenced) {
    while (d < dated.length && dated[d].timestamp <= s.timestamp) out.push(dated[d++]);
    out.push(s);
  }
  return out.concat(dated.slice(d));
}
