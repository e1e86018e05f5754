// What the page told the tracker, once.

export const settings = {
  /** The write key of the source; nothing leaves before it is known. */
  key: "",
  /** Where Periplus is: beside this script, unless the page names another address. */
  url: "",
  /** "required": nothing is stored or sent before the visitor has agreed. */
  consent: "",
  /** The domain of the cookies, such as "shop.example", where one visitor is to be known on several subdomains. */
  domain: "",
  /** Whether pages are told by themselves; "off" leaves it to the page. */
  page: "",
};

/** Takes the options of `init`, or the data-attributes of the script element. */
export const take = (options) => Object.assign(settings, options);
