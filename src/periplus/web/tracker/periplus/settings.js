// What the page told the tracker, once: the options of `init`, or the data-attributes of the script element.

/**
 * key      the write key of the source; nothing leaves before it is known
 * url      where Periplus is: beside this script, unless the page names another address
 * consent  "required": nothing is stored or sent before the visitor has agreed
 * domain   of the cookies, such as "shop.example", where one visitor is to be known on several subdomains
 * page     whether pages are told by themselves; "off" leaves it to the page
 */
export const settings = { url: "" };
