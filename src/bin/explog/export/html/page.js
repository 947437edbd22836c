'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const table = document.getElementById('runs');
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const panel = document.getElementById('run');
  const SVG = 'http://www.w3.org/2000/svg';

  // Everything from the log becomes text nodes and attributes, never markup.
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const draw = (name, attributes = {}, ...children) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  // What could reorder or hide text is shown by its number.
  const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;
  const visible = (text) => text.replace(UNSAFE, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));

  const duration = (us) => {
    const seconds = Math.floor(us / 1e6);
    const two = (n) => String(n).padStart(2, '0');
    if (us < 1000) return us + ' µs';
    if (seconds < 1) return Math.floor(us / 1000) + ' ms';
    if (seconds < 60) return (Math.floor(us / 1e5) / 10).toFixed(1) + ' s';
    if (seconds < 3600) return Math.floor(seconds / 60) + 'm ' + two(seconds % 60) + 's';
    if (seconds < 86400) return Math.floor(seconds / 3600) + 'h ' + two(Math.floor(seconds % 3600 / 60)) + 'm';
    return Math.floor(seconds / 86400) + 'd ' + two(Math.floor(seconds % 86400 / 3600)) + 'h';
  };
  const offset = (us) => {
    const ms = Math.floor(us / 1000);
    const [h, m, s] = [Math.floor(ms / 3600000), Math.floor(ms / 60000) % 60, Math.floor(ms / 1000) % 60];
    const tail = String(s).padStart(2, '0') + '.' + String(ms % 1000).padStart(3, '0');
    return h > 0 ? `+${h}:${String(m).padStart(2, '0')}:${tail}` : `+${m}:${tail}`;
  };

  // Filter.
  const filters = document.getElementById('filters');
  const count = document.getElementById('count');
  const apply = () => {
    const words = filters.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcome = filters.elements.outcome.value;
    const tenant = filters.elements.tenant.value;
    let shown = 0;
    for (const row of rows) {
      const run = data.runs[row.dataset.run];
      run.text ??= [run.id, run.tenant, run.backends, ...run.problems.map((p) => p.text)].join(' ').toLowerCase();
      const keep = words.every((word) => run.text.includes(word))
        && (outcome === '' || run.outcome === outcome)
        && (tenant === '' || 't' + (run.tenant ?? '') === tenant);
      row.classList.toggle('hidden', !keep);
      shown += keep;
    }
    count.textContent = shown === rows.length ? `${rows.length} runs` : `${shown} of ${rows.length} runs`;
  };
  const tenants = [...new Set(data.runs.map((run) => run.tenant ?? ''))].sort();
  for (const tenant of tenants) {
    filters.elements.tenant.append(make('option', { value: 't' + tenant }, tenant === '' ? '(none)' : visible(tenant)));
  }
  filters.addEventListener('input', apply);
  filters.addEventListener('reset', () => setTimeout(apply));
  filters.addEventListener('submit', (event) => event.preventDefault());
  filters.classList.remove('hidden');

  // Sort.
  const keys = {
    run: (r) => r.id, tenant: (r) => r.tenant ?? '', start: (r) => r.order, outcome: (r) => r.outcome,
    duration: (r) => r.duration, events: (r) => r.count, proposals: (r) => r.proposals,
    refused: (r) => r.refused, tokens: (r) => r.tokens ?? -1, cost: (r) => r.cost ?? -1,
  };
  for (const head of table.tHead.rows[0].cells) {
    const key = keys[head.dataset.key];
    if (!key) continue;
    const button = make('button', { type: 'button' }, head.textContent);
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const first = head.classList.contains('number') || head.dataset.key === 'start' ? 'descending' : 'ascending';
      const turned = head.getAttribute('aria-sort') === first
        ? (first === 'ascending' ? 'descending' : 'ascending') : first;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', turned);
      const sign = turned === 'ascending' ? 1 : -1;
      rows.sort((a, b) => {
        const [x, y] = [key(data.runs[a.dataset.run]), key(data.runs[b.dataset.run])];
        return sign * (x < y ? -1 : x > y ? 1 : 0);
      });
      body.append(...rows);
    });
  }

  // A run. An event is [sequence, offset, latency, chain, step, kind, tint, depth, summary, id, payload].
  const [SEQUENCE, OFFSET, LATENCY, CHAIN, STEP, KIND, TINT, DEPTH, TEXT, ID, PAYLOAD] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const chainName = (run, chain) => chain === null ? 'outside of a chain' : 'chain ' + visible(run.chains[chain]);

  const picture = (run, byOrder) => {
    const [width, left, right, lane, top] = [1200, 170, 30, 34, 24];
    const used = [...new Set(run.events.map((e) => e[CHAIN]))];
    const height = top + used.length * lane + 10;
    const span = Math.max(run.duration, 1);
    const at = (event, index) => left + (width - left - right)
      * (byOrder ? (run.events.length > 1 ? index / (run.events.length - 1) : 0) : event[OFFSET] / span);
    const svg = draw('svg', {
      class: 'picture', viewBox: `0 0 ${width} ${height}`, role: 'group',
      'aria-label': `Timeline of ${run.events.length} events in ${duration(run.duration)}; the list below has them all`,
    });
    const ticks = 6;
    for (let tick = 0; tick <= ticks; tick++) {
      const x = left + (width - left - right) * tick / ticks;
      const index = Math.round((run.events.length - 1) * tick / ticks);
      const label = byOrder ? '#' + (index + 1) : offset(run.duration * tick / ticks);
      svg.append(draw('line', { class: 'tick', x1: x, x2: x, y1: top - 4, y2: height - 8 }),
        draw('text', { x, y: 13, 'text-anchor': tick === ticks ? 'end' : tick === 0 ? 'start' : 'middle' }, label));
    }
    used.forEach((chain, number) => {
      const y = top + number * lane + lane / 2;
      const name = chain === null ? '(no chain)' : visible(run.chains[chain]);
      const label = draw('text', { x: 8, y: y + 4 }, name.length > 25 ? '…' + name.slice(-24) : name);
      label.append(draw('title', {}, name));
      svg.append(draw('line', { class: 'lane', x1: left, x2: width - right, y1: y, y2: y }), label);
    });
    const bars = [];
    const marks = [];
    run.events.forEach((event, index) => {
      const y = top + used.indexOf(event[CHAIN]) * lane + lane / 2;
      const x = at(event, index);
      if (event[LATENCY] && event[KIND] !== 'outcome' && !byOrder) {
        const wide = Math.min((width - left - right) * event[LATENCY] / span, x - left);
        bars.push(draw('rect', { class: 'call', x: x - wide, y: y - 4, width: Math.max(wide, 1), height: 8, rx: 2 }));
      }
      const small = event[TINT] === 'plain';
      const tint = { plain: '', strong: 'strong', good: 'good', bad: 'bad', warning: 'warn' }[event[TINT]] ?? '';
      const size = small ? 3 : 5.5;
      const shape = event[TINT] === 'bad'
        ? draw('path', { class: 'mark bad', d: `M${x} ${y - 8}l7 13h-14z` })
        : event[TINT] === 'good' && event[KIND] !== 'outcome'
          ? draw('path', { class: 'mark good', d: `M${x} ${y - 7}l7 7l-7 7l-7 -7z` })
          : event[KIND] === 'outcome'
            ? draw('rect', { class: 'mark ' + tint, x: x - 5.5, y: y - 5.5, width: 11, height: 11 })
            : draw('circle', { class: 'mark ' + tint, cx: x, cy: y, r: size });
      const link = draw('a', { href: '#e' + event[SEQUENCE], 'aria-label': `${offset(event[OFFSET])} ${event[KIND]}: ${event[TEXT].slice(0, 120)}` },
        draw('title', {}, `${offset(event[OFFSET])}  ${event[KIND]}\n${event[TEXT].slice(0, 300)}`), shape);
      // The small ones are for the mouse; the keyboard has the list.
      if (small) link.setAttribute('tabindex', '-1');
      link.addEventListener('click', (click) => { click.preventDefault(); open(event[SEQUENCE]); });
      marks.push([small ? 0 : 1, link]);
    });
    svg.append(...bars, ...marks.sort((a, b) => a[0] - b[0]).map(([, link]) => link));
    return svg;
  };

  const open = (sequence) => {
    for (const item of panel.querySelectorAll('li.current')) item.classList.remove('current');
    const item = document.getElementById('e' + sequence);
    if (!item) return;
    item.classList.add('current');
    const details = item.firstElementChild;
    details.open = true;
    details.firstElementChild.focus({ preventScroll: true });
    item.scrollIntoView({ block: 'center' });
  };

  const bar = (latency, longest) => {
    const svg = draw('svg', { width: 40, height: 8, 'aria-hidden': 'true' });
    svg.append(draw('rect', { width: Math.max(1, 40 * Math.min(latency / longest, 1)), height: 8, rx: 2 }));
    return svg;
  };

  const payload = (event) => {
    if (event[PAYLOAD] === null) return 'This event is too large for the page; `explog event` shows it.';
    try {
      return visible(JSON.stringify(JSON.parse(event[PAYLOAD]), null, 2));
    } catch {
      return visible(event[PAYLOAD]);
    }
  };

  const events = (run) => {
    const list = make('ol', { class: 'events' });
    const longest = run.events.reduce((most, e) => e[KIND] === 'outcome' ? most : Math.max(most, e[LATENCY] ?? 0), 1);
    let chain;
    let step;
    for (const event of run.events) {
      if (event[CHAIN] !== chain) {
        chain = event[CHAIN];
        step = undefined;
        list.append(make('li', { class: 'chain' }, chainName(run, chain)));
      }
      const latency = make('span', { class: 'latency' });
      if (event[LATENCY] !== null) latency.append(bar(event[LATENCY], longest), duration(event[LATENCY]));
      const tint = { good: 'good', bad: 'bad', warning: 'warn' }[event[TINT]] ?? '';
      const summary = make('summary', {},
        make('span', { class: 'mono faint' }, event[OFFSET] === null ? '' : offset(event[OFFSET])),
        latency,
        make('span', { class: 'step faint' }, event[STEP] === step ? '' : event[STEP] ?? ''),
        make('span', { class: `kind ${tint}${event[DEPTH] ? ' below' : ''}` }, event[KIND]),
        make('span', { class: `text ${tint}` }, event[TEXT]));
      step = event[STEP];
      const details = make('details', {}, summary);
      // The content is laid out when it is looked at: a page may hold thousands of events.
      details.addEventListener('toggle', () => {
        if (details.open && details.childElementCount === 1) {
          const head = `event ${visible(event[ID])} · sequence ${event[SEQUENCE]}\n`;
          details.append(make('pre', { tabindex: '0' }, head + payload(event)));
        }
      });
      list.append(make('li', { id: 'e' + event[SEQUENCE] }, details));
    }
    return list;
  };

  const show = (index, focus) => {
    const run = data.runs[index];
    for (const row of rows) row.classList.toggle('selected', row.dataset.run === String(index));
    const tint = { passed: 'good', failed: 'bad' }[run.outcome] ?? 'faint';
    const title = make('h2', { tabindex: '-1' }, visible(run.id) + ' ', make('span', { class: 'badge ' + tint }, run.outcome));
    const facts = make('div', { class: 'facts' });
    for (const fact of run.facts) facts.append(make('span', {}, fact));
    panel.replaceChildren(title, facts);
    if (run.problems.length > 0) {
      const list = make('ul', { class: 'problems' });
      for (const problem of run.problems) {
        const link = make('a', { href: '#e' + problem.sequence, class: 'mono' }, offset(problem.offset));
        link.addEventListener('click', (click) => { click.preventDefault(); open(problem.sequence); });
        list.append(make('li', {}, link, ' ', make('span', { class: 'bad' }, problem.text)));
      }
      panel.append(make('h3', {}, 'What went wrong'), list);
    }
    let gap = 0;
    run.events.forEach((event, at) => { if (at > 0) gap = Math.max(gap, event[OFFSET] - run.events[at - 1][OFFSET]); });
    // Where one pause takes most of the time, the order tells more.
    let byOrder = run.duration === 0 || gap > run.duration * .6;
    const holder = make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Timeline, scrollable' });
    const scale = make('fieldset', { class: 'scale' }, make('legend', {}, 'Spread'));
    for (const [name, value] of [['by time', false], ['evenly', true]]) {
      const input = make('input', { type: 'radio', name: 'scale' });
      input.checked = byOrder === value;
      input.addEventListener('change', () => { byOrder = value; holder.replaceChildren(picture(run, byOrder)); });
      scale.append(make('label', {}, input, ' ' + name));
    }
    holder.append(picture(run, byOrder));
    const legend = make('ul', { class: 'legend' });
    for (const text of ['▲ refused, over budget or failed', '◆ accepted or fact', '● proposal', '■ outcome', '▬ call, as long as it took', '· other']) {
      legend.append(make('li', {}, text));
    }
    panel.append(make('h3', {}, 'Timeline'), scale, holder, legend, make('h3', {}, 'Events'), events(run));
    panel.classList.remove('hidden');
    history.replaceState(null, '', '#r' + index);
    if (focus) { title.focus({ preventScroll: true }); panel.scrollIntoView({ block: 'start' }); }
  };
  body.addEventListener('click', (event) => {
    const row = event.target.closest('tr');
    if (row && !String(getSelection())) show(Number(row.dataset.run), true);
  });
  // Up and down go through the runs.
  body.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = event.target.closest('tr');
    if (!step || !row) return;
    const visibleRows = rows.filter((other) => !other.classList.contains('hidden'));
    const next = visibleRows[visibleRows.indexOf(row) + step];
    if (next) { event.preventDefault(); next.querySelector('button').focus(); }
  });
  apply();
  const wanted = /^#r(\d+)$/.exec(location.hash);
  if (wanted && data.runs[Number(wanted[1])]) show(Number(wanted[1]), false);
  else if (data.runs.length === 1) show(0, false);
})();
