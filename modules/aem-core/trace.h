/* SPDX-License-Identifier: GPL-2.0-only */
/* The tracepoints of aem-core: events/aem in tracefs. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM aem

#if !defined(AEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define AEM_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(aem_raise,
	TP_PROTO(u32 id, pid_t owner, u8 prio, bool coalesced),
	TP_ARGS(id, owner, prio, coalesced),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(pid_t, owner)
		__field(u8, prio)
		__field(bool, coalesced)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->owner = owner;
		__entry->prio = prio;
		__entry->coalesced = coalesced;
	),
	TP_printk("id=%u owner=%d prio=%u coalesced=%d", __entry->id,
		  __entry->owner, __entry->prio, __entry->coalesced)
);

TRACE_EVENT(aem_deliver,
	TP_PROTO(u32 id, unsigned long handler, u8 prio),
	TP_ARGS(id, handler, prio),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u8, prio)
		__field(unsigned long, handler)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->prio = prio;
		__entry->handler = handler;
	),
	TP_printk("id=%u prio=%u handler=%#lx", __entry->id, __entry->prio,
		  __entry->handler)
);

TRACE_EVENT(aem_return,
	TP_PROTO(u32 id, bool ran),
	TP_ARGS(id, ran),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(bool, ran)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->ran = ran;
	),
	TP_printk("id=%u ran=%d", __entry->id, __entry->ran)
);

#endif /* AEM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
