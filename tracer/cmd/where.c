/* SPDX-License-Identifier: MIT */
/*
 * See where.h. The files are those the trace names, which is to be taken with care: only absolute paths, only
 * regular files, and one whose build-id is not the recorded one is not used. Equal addresses are looked up once.
 */
#include "cmd/where.h"

#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/intern.h"
#include "base/symbol.h"
#include "model/facts.h"

#define FACTS_MAX 20000

struct resolver {
	struct symbols *symbols;
	struct hashmap known; /* (address, module's base and end) -> text in `texts` */
	struct intern_pool texts;
};

static const struct interned *look_up(struct resolver *r, const struct module *module,
				      uint64_t address)
{
	struct buffer text = { 0 };
	char path[4096] = "";
	const struct interned *one;

	if (module && module->path && module->path->len < sizeof(path) &&
	    module->path->data[0] == '/')
		memcpy(path, module->path->data, module->path->len);
	symbols_append(r->symbols, &text, path, module ? module->build_id->data : "",
		       module ? module->build_id->len : 0, address - (module ? module->base : 0));
	one = text.failed ? NULL : intern(&r->texts, text.data, text.len);
	buffer_free(&text);
	return one;
}

static const struct interned *name_of(struct resolver *r, const struct module *module,
				      uint64_t address)
{
	uint64_t key = module ? (uint64_t)(uintptr_t)module->build_id ^ module->base : 0, value;
	const struct interned *one;

	if (hashmap_get(&r->known, address, key, &value))
		return (const struct interned *)(uintptr_t)value;
	one = look_up(r, module, address);
	if (one)
		(void)hashmap_put(&r->known, address, key, (uint64_t)(uintptr_t)one);
	return one;
}

static void resolve_call(struct resolver *r, struct model *m, uint32_t index)
{
	const struct start_call *c = model_call(m, index);
	struct buffer lines = { 0 };
	size_t count = c->native ? c->native->len / sizeof(uint64_t) : 0;

	for (size_t i = 0; i < count; i++) {
		const struct interned *one;
		uint64_t address;

		memcpy(&address, c->native->data + i * sizeof(address), sizeof(address));
		one = name_of(r, model_module_at(m, c, address), address);
		if (one)
			buffer_append(&lines, one->data, one->len);
		buffer_add_char(&lines, '\n');
	}
	if (count && !lines.failed)
		(void)model_set_symbols(m, index, lines.data, lines.len);
	buffer_free(&lines);
}

static void resolve_facts(struct resolver *r, struct model *m, unsigned type)
{
	size_t n = model_fact_count(m, type);

	for (size_t i = 0; i < n && i < FACTS_MAX; i++) {
		const struct fact *f = model_fact(m, type, i);
		uint64_t address = fact_address(f);
		const struct module *module = model_process_module_at(m, f->process, address);
		const struct interned *one = module ? name_of(r, module, address) : NULL;

		if (one)
			(void)model_set_fact_place(m, type, i, one->data, one->len);
	}
}

void where_resolve(struct model *m)
{
	struct resolver r = { 0 };

	if ((!model_call_count(m) && !model_fact_count(m, FS_EV_CALL)) ||
	    symbols_new(&r.symbols) < 0)
		return;
	for (size_t i = 0; i < model_process_count(m); i++) {
		const struct process *p = model_process(m, (uint32_t)i);
		const struct start_call *c = model_call(m, p->where);

		if (c && !c->symbols)
			resolve_call(&r, m, p->where);
	}
	resolve_facts(&r, m, FS_EV_CALL);
	resolve_facts(&r, m, FS_EV_LOCK_HELD);
	resolve_facts(&r, m, FS_EV_HANDLER);
	symbols_free(r.symbols);
	hashmap_free(&r.known);
	intern_free(&r.texts);
}
