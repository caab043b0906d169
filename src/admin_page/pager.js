/** Links to the pages of a list. The API has no cursor for the way back, so those of the pages that were shown are kept. */

import {count, h} from './dom.js';

/** The cursors of the pages that were shown, by list. */
const shown = new Map();

/**
 * The links of the page that `params` name, of the list with this name. `toPage` makes an address from parameters; the first page
 * needs none. The returned function is told the cursor of the next page, and returns the links; '' if there is one page alone.
 */
export const pager = (name, {page: number = 1, cursor}, toPage) => {
  const page = Number(number), cursors = shown.get(name) ?? [];
  shown.set(name, cursors);
  cursors[page] = cursor;
  const to = other => toPage(other > 1 && cursors[other] ? {page: other, cursor: cursors[other]} : {});
  return next => {
    cursors[page + 1] = next;
    return next || page > 1 ? h('nav.pages', {'aria-label': 'Pages'},
      page > 1 && h('a.button', {href: to(page - 1), rel: 'prev'}, 'Previous'),
      h('span.hint', {}, `Page ${count(page)}`),
      next && h('a.button', {href: to(page + 1), rel: 'next'}, 'Next')) : '';
  };
};
