/** A fault that is planted into the source of one process: a text of a file, and what stands there instead. */
export interface Mutant {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /**
   * Where it is found, unless by the clients of the simulator. `clients`: by the production clients against the production
   * server; `courier`: by the deliveries to an endpoint; `effects`: between partitions, and from them to endpoints; `jobs`: by workers of a queue;
   * `insieme`: by clients of the package `insieme` among the production clients; `texts`: by clients that edit texts.
   */
  readonly world?: "clients" | "courier" | "effects" | "insieme" | "jobs" | "texts";
}

/** Faults of the shell and the core that the simulator must find. Each is at one place of the code as it is now. */
export const mutants: Readonly<Record<string, Mutant>> = {
  "[WP-12] a frame behind a token overtakes it": {
    file: "src/shell/connection.ts",
    from: "    if (this.#held || this.#waiting.length > 0) {\n",
    to: "    if (this.#held && this.session.state.client) {\n",
  },
  "[WP-12] frames that have arrived overtake those behind a token": {
    file: "src/shell/connection.ts",
    from: "this.overflowed();\n      this.serve();\n    });",
    to: "this.overflowed();\n      for (const next of this.#waiting.splice(0)) intake.arrive(this, next, this.#host.now());\n    });",
  },
  "[TX-1] [WP-12] what is held back for one statement is not written": {
    file: "src/storage/database.ts",
    from: "        const result = body();\n        this.settle(true);",
    to: "        const result = body();\n        this.settle(false);",
  },
  "[AU-4] a revoked author's waiting draft is decided": {
    file: "src/core/window/handle.ts",
    from: "      assertNotEnded(session, context.now);\n      submit",
    to: "      submit",
  },
  "[AU-4] a draft over HTTP is decided after its token has expired": {
    file: "src/core/window/handle.ts",
    from: "const { author, clientId, submission } = work;\n  const failure = tokenFailure(author, own);",
    to: "const { author, clientId, submission } = work;\n  const failure = tokenFailure({ ...author, expiresAt: undefined }, own);",
  },
  "[AU-4] the tenant's push is lost and not asked for again": {
    file: "src/shell/tenant-link.ts",
    from: "return this.#trusts(now) && this.#subscribedUntil >= enough;",
    to: "return this.#trusted.until > 0 && enough >= 0;",
  },
  "[WP-5] a stream skips the events of one commit": {
    file: "src/shell/log-reader.ts",
    from: "    for (const row of events) {\n      const text",
    to: "    if (events.length !== 2) for (const row of events) {\n      const text",
  },
  "[LC-7] a stream that has ended keeps its place and its timers": {
    file: "src/shell/streams.ts",
    from: "    this.#streams.delete(stream);\n",
    to: "",
  },
  "[LC-4] a drained partition accepts connections": {
    file: "src/shell/admission.ts",
    from: "now < since ? 0 :",
    to: "now >= since ? 0 :",
  },
  "[LC-4] a drain is forgotten by sleep": {
    file: "src/shell/admission.ts",
    from: "keptDrain(this.#host.partition.drainedUntil(now))",
    to: "keptDrain()",
  },
  "[BD-7] a damaged event is folded as an empty one": {
    file: "src/core/fold.ts",
    from: 'throw new Damage("its payload is not JSON", eventId, { cause: error });',
    to: "value = eventId > 0 ? {} : error;",
  },
  "[BD-7] drafts are decided on the part of the log before a damaged event": {
    file: "src/core/fold.ts",
    from: "return this.fault ? quarantined(this.fault) : this.#progress?.failure;",
    to: "return this.#progress?.failure;",
  },
  "[LC-5] drafts are decided before the state has caught up with the log": {
    file: "src/core/fold.ts",
    from: "if (eventId === progress.of) this.#progress",
    to: "this.#progress",
  },
  "[LC-14] a job that failed is not due again": {
    file: "src/core/jobs/runner.ts",
    from: "live.schedule.failed(writes, row, retryAt)",
    to: "live.schedule.succeeded(writes, row, undefined)",
  },
  "[LC-14] a job is due twice at once": {
    file: "src/core/jobs/schedule.ts",
    from: "return this.#due.due(now, limit).map(",
    to: "return this.#due.due(now, limit).flatMap((name) => [name, name]).map(",
  },
  "[TX-16] a hold expires by the clock, in a reducer": {
    file: "src/models/inventory/index.ts",
    from: "        openHold(state, payload.hold, {",
    to: '        for (const [id, { expiresAt }] of Object.entries(state.holds)) if (expiresAt <= timestamp) closeHold(state, id, "released");\n        openHold(state, payload.hold, {',
  },
  "[TX-12] a timer fires early": {
    file: "src/core/timers/runner.ts",
    from: "live.timers.due(now)",
    to: "live.timers.due(now + 60_000)",
  },
  "[TX-12] a timer is lost on eviction": {
    file: "src/core/timers/timers.ts",
    from: "of reads.timers.waiting())",
    to: "of reads.timers.waiting().slice(1))",
  },
  "[TX-12] a timer fires twice": {
    file: "src/core/timers/timers.ts",
    from: "    writes.timers.remove(key);\n",
    to: "",
  },
  "[TX-12] a timer that is cancelled fires": {
    file: "src/core/effects/timers.ts",
    from: "  if (!to) timers.remove(writes, key);\n",
    to: "  if (!to) return;\n",
  },
  "[TX-12] a timer that its own event has set is lost": {
    file: "src/core/timers/fire.ts",
    from: "  // Its own event may have set or cancelled it.\n  if (timers.dueAt(key) !== dueAt) return outcome;\n",
    to: "",
  },
  "[LC-7] credit is not given back": {
    file: "src/core/delivery/credit.ts",
    from: "this.#spent -= this.#runs.shift()!.bytes",
    to: "this.#runs.shift()",
  },
  "[WP-5] a resumed cursor starts one event late": {
    file: "src/core/delivery/cursor.ts",
    from: "this.#position = this.#state.delivered ?? head;",
    to: "this.#position = (this.#state.delivered ?? head) + 1;",
  },
  "[TX-5] an attachment is saved before the commit": {
    file: "src/core/delivery/session.ts",
    from: "    this.#state = { ...this.#state, ...change };\n",
    to: "    this.#state = { ...this.#state, ...change };\n    this.keep();\n",
  },
  "[TX-5] replies are sent before the commit": {
    file: "src/core/window/windows.ts",
    from: "  handle(context, work);\n  window.work",
    to: "  handle(context, work);\n  window.flush([], [], context.now);\n  window.work",
  },
  "[LC-3] a connection to a partition that was never written leaves a schema behind": {
    file: "src/core/partition.ts",
    from: "if (listener.mayVanish && live?.head.logId !== undefined && ",
    to: "if (listener.mayVanish && live && ",
  },
  "[BD-6] the key is not looked up before a refusal": {
    file: "src/core/decide/decide.ts",
    from: "outcome = answerAgain(context, keyHolderOf(author, submission), submission) ?? outcome;",
    to: "outcome = { ...outcome };",
  },
  "[BD-4] a full log takes more": {
    file: "src/core/decide/decide.ts",
    from: "logFull(live.head, limits) ?? ",
    to: "",
  },
  "[BD-4] a connection that proves nothing is not ended": {
    file: "src/shell/outstanding.ts",
    from: "if (own > bounds.unprovenBytesPerConnectionMax) this.#exhausted();",
    to: "if (own < 0) this.#exhausted();",
  },
  "[WP-3] a probe comes that was not asked for": {
    file: "src/shell/connection.ts",
    from: "!this.session.state.client?.probes || ",
    to: "",
  },
  "[WP-12] the messages of a frame are processed in another order": {
    file: "src/core/window/intake.ts",
    from: "eachOf(messages, (message) => this.decode",
    to: "eachOf(messages.toReversed(), (message) => this.decode",
  },
  "[WP-11] [BD-8] all logs have the same proofs": {
    file: "src/core/delivery/proof.ts",
    from: "return incarnation ?? timeProof(timestamp);",
    to: 'return "t" + String(incarnation).slice(0, 0) + String(timestamp).slice(0, 0);',
    world: "clients",
  },
  "[CL-9] a client goes on with the tokens of another user": {
    file: "src/client/sync/identity.ts",
    from: "return named.principal !== expected.principal || named.tenant !== expected.tenant;",
    to: 'return named.principal === "" && expected.tenant === "";',
    world: "clients",
  },
  "[CL-9] the drafts of all users are kept in one place": {
    file: "src/client/api/scope.ts",
    from: "${address}/${principal}`;",
    to: "${address}/`;",
    world: "clients",
  },
  "[CL-9] what could not be deleted counts as deleted": {
    file: "src/client/stores/resilient.ts",
    from: 'if (what === "everything") throw error;\n      }\n    });',
    to: "}\n    });",
    world: "clients",
  },
  "[CL-11] undo takes back what the log before a restore had": {
    file: "src/client/api/undoing.ts",
    from: 'if (why === "log_replaced") this.logReplaced();',
    to: 'if (why === "diverged") this.logReplaced();',
    world: "clients",
  },
  "[CL-11] a change after a rejected one belongs to the step before it": {
    file: "src/client/api/history.ts",
    from: "!last || last.step !== this.done.at(-1) || ",
    to: "!last || !this.done.at(-1) || ",
    world: "clients",
  },
  "[CL-11] undo takes back what others have changed since": {
    file: "src/client/api/undo.ts",
    from: 'if (asLeft === "changed") {',
    to: 'if (asLeft === "changed" && skipped.length > 99) {',
    world: "clients",
  },
  "[CL-13] a withdrawal is reported before it is stored": {
    file: "src/client/api/entries.ts",
    from: 'if (verdict.status === "withdrawn" && this.removal) void this.removal.then(() => this.#resolve(key, verdict));\n    else ',
    to: "",
    world: "clients",
  },
  "[CL-13] a draft in conflict replaces a later one": {
    file: "src/client/api/queue-tools.ts",
    from: "replaces !== undefined && client.pending.some",
    to: 'replaces === "" && client.pending.some',
    world: "clients",
  },
  "[WP-11] a client does not prove in which log it has read": {
    file: "src/client/sync/connection.ts",
    from: "sinceEventId: eventId, proof, maxBytes }",
    to: "sinceEventId: eventId, proof: proof && undefined, maxBytes }",
    world: "clients",
  },
  "[BD-3] each chunk of a state is the first one": {
    file: "src/core/delivery/connect.ts",
    from: "snapshots.chunk(eventId, chunk);",
    to: "snapshots.chunk(eventId, 0);",
  },
  "[TX-12] an effect is marked before it is sent": {
    file: "src/shell/effect-sender.ts",
    from: "results = await this.#inTime(this.#send(delivery));",
    to: "this.#send(delivery).catch(() => {}); results = delivery.rows.map(() => ({ kind: 'delivered', eventId: 1 }));",
    world: "effects",
  },
  "[TX-12] an effect is written outside the transaction of its event": {
    file: "src/core/decide/commit.ts",
    from: "if (caused) causing!.writeCaused(context, row, caused);",
    to: "if (caused) context.ports.defer((now) => context.ports.storage.transaction(now, (writes) => causing!.writeCaused({ ...context, writes }, row, caused)), 0);",
    world: "effects",
  },
  "[TX-12] the id of an effect is used again after a restore": {
    file: "src/storage/partition/outbox.ts",
    from: "return `${incarnation}:${eventId}:${n}`;",
    to: "return `${incarnation.slice(0, 0)}0:${eventId}:${n}`;",
    world: "effects",
  },
  "[TX-15] a receiver keys effects by their sender only": {
    file: "src/shell/effect-receiver.ts",
    from: "return { draftId: effectId, event,",
    to: "return { draftId: `${from}${effectId.slice(0, 0)}`, event,",
    world: "effects",
  },
  "[TX-13] a later effect overtakes one that waits for its next attempt": {
    file: "src/shell/effect-receiver.ts",
    from: 'while (results.length < drafts.length && results.at(-1)?.kind !== "later") {',
    to: "while (results.length < drafts.length) {",
    world: "effects",
  },
  "[TX-12] effects that wait are forgotten by sleep": {
    file: "src/core/effects/outbox.ts",
    from: "for (const effect of reads.outbox.waiting()) this.add(effect);",
    to: "if (jobs.length > 99) for (const effect of reads.outbox.waiting()) this.add(effect);",
    world: "effects",
  },
  "[TX-13] an endpoint that did not take a webhook does not get it later": {
    file: "src/courier/hand-over.ts",
    from: "return rows.map((row) => routes.filter((route) => without.has(route.id) && wants(route, row)).map(({ id }) => id));",
    to: "return rows.map(() => []);",
    world: "effects",
  },
  "[AU-11] the leaves of an audited segment are in another order": {
    file: "src/core/audit/audit.ts",
    from: "leaves.push(hashOfLeaf(",
    to: "leaves.unshift(hashOfLeaf(",
    world: "effects",
  },
  "[AU-5] a chain of timers goes on while the clock stands still": {
    file: "src/core/window/turns.ts",
    from: "if (this.#chained === bounds.chainedTurnsMax)",
    to: "if (this.#chained === 1_000_000)",
  },
  "[TX-12] a courier marks a message before it sends it": {
    world: "courier",
    file: "src/courier/dispatcher.ts",
    from: "    const outcome = await send(row, endpoint);\n",
    to: '    courier.settle(effectId, { kind: "delivered", status: 204 }, now(), 0);\n    const outcome = await send(row, endpoint);\n',
  },
  "[TX-12] a courier gives its receipt before its alarm is set": {
    world: "courier",
    file: "src/courier/dispatcher.ts",
    from: "    courier.accept(rows, now());\n    await this.#arm(this.#watchAt());\n",
    to: "    courier.accept(rows, now());\n",
  },
  "[TX-15] a courier sends again what is handed over again after its delivery": {
    world: "courier",
    file: "src/courier/courier.ts",
    from: "!known.has(effectId) && ",
    to: "",
  },
  "[TX-13] a later ordered message overtakes one that waits for its next attempt": {
    world: "courier",
    file: "src/courier/courier.ts",
    from: "const waits = ordered && this.#storage.deliveries.firstOrdered(partition) !== undefined;",
    to: "const waits = false;",
  },
  "[TX-13] a Retry-After is ignored": {
    world: "courier",
    file: "src/courier/breaker.ts",
    from: "if (outcome.retryAfterMs === undefined) return",
    to: "if (outcome.retryAfterMs !== -1) return",
  },
  "[LC-9] a breaker never half-opens": {
    world: "courier",
    file: "src/courier/breaker.ts",
    from: "return now >= openedAt && now < openUntil ?",
    to: "return now >= openedAt ?",
  },
  "[LC-9] a half-open breaker lets several messages through": {
    world: "courier",
    file: "src/courier/breaker.ts",
    from: "return running === 0 ? 1 : 0;",
    to: "return Math.max(courierBounds.attemptsMax - running, 0);",
  },
  "[LC-9] an open breaker is forgotten with the object": {
    world: "courier",
    file: "src/courier/courier.ts",
    from: "if (changed(before, this.#breaker)) this.#putBreaker(writes);",
    to: "",
  },
  "[MD-13] a client applies its drafts by no author": {
    file: "src/client/sync/replica.ts",
    from: "        ...this.#identity,\n        timestamp",
    to: "        ...this.#identity,\n        author: undefined,\n        timestamp",
    world: "clients",
  },
  "[MD-13] a client takes the pseudonym of its last connection for that of a new log": {
    file: "src/client/sync/connection.ts",
    from: "if (author) this.#host.take",
    to: "if (author && !this.#host.cursor.serverId) this.#host.take",
    world: "clients",
  },
  "[MD-16] a client does not ask the state whether it allows a draft": {
    file: "src/client/sync/replica.ts",
    from: "if (forbidden) return forbidden;",
    to: "",
    world: "clients",
  },
  "[MD-16] the state is not asked whether it allows a draft": {
    file: "src/core/decide/permission.ts",
    from: "if (!model.authorize) return undefined;",
    to: "if (model.authorize) return undefined;",
    world: "clients",
  },
  "[MD-13] a partition forgets what its pseudonyms are made of": {
    file: "src/core/authors.ts",
    from: "    } else if (stored !== this.#secret) {",
    to: "    } else if (!this.#secret) {\n      this.#secret = this.#ports.random.secret();\n    } else if (stored !== this.#secret) {",
    world: "clients",
  },
  "[MD-13] a model that hides its authors shows the client of a draft": {
    file: "src/client/api/client.ts",
    from: "clientId: model.shownClientId(clientId), principal",
    to: "clientId, principal",
    world: "clients",
  },
  "[CL-1] a client takes for confirmed what it has not shown": {
    file: "src/client/sync/replica.ts",
    from: "        pending.differs = true;\n        return undefined;",
    to: "        return undefined;",
    world: "clients",
  },
  "[JB-2] a report is accepted whatever its fence": {
    file: "src/models/jobs/rules.ts",
    from: 'job?.phase !== "running" || job.fence !== fence',
    to: 'job?.phase !== "running" || fence > state.fence',
    world: "jobs",
  },
  "[JB-2] a claim has the fence of the last one": {
    file: "src/models/jobs/moves.ts",
    from: "const fence = ++state.fence;",
    to: "const fence = (state.fence = Math.max(state.fence, 1));",
    world: "jobs",
  },
  "[JB-1] a job does not wait for the second of two others": {
    file: "src/models/jobs/moves.ts",
    from: "if (--waiting.waitsFor > 0) continue;",
    to: "waiting.waitsFor--;",
    world: "jobs",
  },
  "[JB-3] a share begins each round without what it has left": {
    file: "src/models/jobs/flows.ts",
    from: "const next = { turn, place, deficit: deficit + rounds * weight };",
    to: "const next = { turn, place, deficit: Math.max(first.cost, weight) };",
    world: "jobs",
  },
  "[JB-3] aging is forgotten: what is urgent always comes first": {
    file: "src/models/jobs/moves.ts",
    from: "now - (job.priority ?? 0) * state.policy.agingMs",
    to: "now - (job.priority ?? 0) * Math.max(state.policy.agingMs, 1e10)",
    world: "jobs",
  },
  "[JB-2] a lease ends by the clock of its worker": {
    file: "src/worker/loop.ts",
    from: "if (now >= this.#renewedAt + 2 * this.#halfMs) {",
    to: "if (this.#client.read(({ workers }) => now >= (workers[name]?.until ?? now + 1))) {",
    world: "jobs",
  },
  "[JB-2] the timer is not set again": {
    file: "src/models/jobs/moves.ts",
    from: "  if (fired) delete state.due;\n",
    to: "",
    world: "jobs",
  },
  "[WP-13] events are broadcast within a cycle of pages": {
    file: "src/core/delivery/session.ts",
    from: "client?.passive === true && cycleEnd === undefined && ",
    to: "client?.passive === true && (cycleEnd ?? 1) > 0 && ",
    world: "insieme",
  },
  "[WP-13] an event is broadcast to the client of Insieme that has submitted it": {
    file: "src/wire/insieme/decode.ts",
    from: "    echo: false,\n",
    to: "    echo: true,\n",
    world: "insieme",
  },
  "[WP-13] an id of Insieme counts once for each client": {
    file: "src/core/decide/deduplicate.ts",
    from: ": canonicalJson(contentOf(submission)) === canonicalJson(contentOfEvent(row));",
    to: ": canonicalJson(contentOf(submission)) === canonicalJson(contentOfEvent(row)) && [row.clientId, undefined].includes(submission.drafts[0].clientId);",
    world: "insieme",
  },
  "[WP-13] an id of Insieme is answered as committed, whatever its content": {
    file: "src/core/decide/deduplicate.ts",
    from: ": canonicalJson(contentOf(submission)) === canonicalJson(contentOfEvent(row));",
    to: ": row.annotations !== undefined || canonicalJson(contentOf(submission)) === canonicalJson(contentOfEvent(row));",
    world: "insieme",
  },
  "[WP-13] a message of Insieme overtakes an earlier one that is done again": {
    file: "src/shell/connection.ts",
    from: "    this.#hold(asked.frame, () => new Promise((resolve) => void timer(() => resolve(asked.command), seconds * 1_000)));",
    to: "    const { intake, step } = this.#host; timer(() => step(() => intake.offer(this, this.#work(asked.command, asked.frame), 0)), seconds * 1_000);",
    world: "insieme",
  },
  "[WP-13] what follows a rejection is missing in the results": {
    file: "src/core/decide/decide.ts",
    from: '      results.push({ kind: "not_processed", draftId });\n',
    to: "",
    world: "insieme",
  },
  "[WP-13] an item is blocked by the one before it": {
    file: "src/wire/insieme/codec.ts",
    from: "blockedById ??= result.draftId",
    to: "blockedById = result.draftId",
    world: "insieme",
  },
  "[TX-7] a client breaks ties the other way": {
    file: "src/client/sync/chains.ts",
    from: "this.#pass(entity, { type, payload }, this.#clientId() < clientId, ",
    to: "this.#pass(entity, { type, payload }, this.#clientId() > clientId, ",
    world: "texts",
  },
  "[TX-7] the server breaks ties the other way": {
    file: "src/core/decide/transform.ts",
    from: "const first = event.clientId < review",
    to: "const first = event.clientId > review",
    world: "texts",
  },
  "[TX-7] a draft names the event before the one that it was made on": {
    file: "src/client/api/merging.ts",
    from: "    const expectedEventId = this.replica.eventId;\n",
    to: "    const expectedEventId = Math.max(this.replica.eventId - 1, 0);\n",
    world: "texts",
  },
  "[TX-7] [ID-1] a draft that was sent is stored as it is mapped, and mapped again when it is sent again": {
    file: "src/client/api/merging.ts",
    from: "{ ...entry, mapped: drafts };",
    to: "{ ...entry, drafts };",
    world: "texts",
  },
  "[TX-7] [ID-1] a retry is compared with what was committed": {
    file: "src/core/decide/commit.ts",
    from: 'fingerprint: typed.payload === draft.event["payload"] ?',
    to: "fingerprint: typed.payload ?",
    world: "texts",
  },
  "[CL-1] [TX-7] an own event is applied twice": {
    file: "src/client/sync/chains.ts",
    from: "      return own === first && own.undo !== undefined;\n",
    to: "      this.#pass(entity, { type, payload }, false, this.#links.values());\n      return own === first && own.undo !== undefined;\n",
    world: "texts",
  },
  "[CL-1] [TX-7] an own event is taken for one of others while a draft of another text is before it": {
    file: "src/client/sync/chains.ts",
    from: "!this.before(link) && isSame",
    to: "own === [...this.replica.drafts.values()][0] && isSame",
    world: "texts",
  },
  "[CL-1] [TX-7] a draft that is not sent yet is not mapped": {
    file: "src/client/sync/chains.ts",
    from: "if (link.entity !== entity || link.fresh) continue;",
    to: "if (link.entity !== entity || link.fresh || link.pending.group.entry.held) continue;",
    world: "texts",
  },
  "[CL-1] [MD-9] an editor is given changes that the view had when it was replaced": {
    file: "src/client/sync/chains.ts",
    from: "if (this.changes.at(-1) || this.changes.length === 0) this.changes.push",
    to: "this.changes.push",
    world: "texts",
  },
  "[CL-8] the cursors of others are not mapped": {
    file: "src/text/places.ts",
    from: "for (const tracked of [...this.#tracked.values(), this.#own])",
    to: "for (const tracked of [this.#own])",
    world: "texts",
  },
};
