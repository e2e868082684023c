/** An address: up to the first space, without the full stop that ends the sentence. */
const ADDRESS = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/gu;

/**
 * Finds the web addresses in a text; http and https only.
 *
 * @param {string} text
 * @returns {{text: string, address: boolean}[]} all of the text, in order
 */
export function addressesIn(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    parts.push({ text: text.slice(end, match.index), address: false }, { text: match[0], address: true });
    end = match.index + match[0].length;
  }
  parts.push({ text: text.slice(end), address: false });
  return parts.filter((part) => part.text !== '');
}

/**
 * Text with its web addresses as links, as nodes: what was written is never
 * read as markup.
 *
 * @param {string} text
 * @returns {Node[]}
 */
export function linked(text) {
  return addressesIn(text).map((part) => {
    if (!part.address) return document.createTextNode(part.text);
    const link = document.createElement('a');
    link.href = part.text;
    link.textContent = part.text;
    link.target = '_blank';
    link.rel = 'noopener noreferrer';
    return link;
  });
}
