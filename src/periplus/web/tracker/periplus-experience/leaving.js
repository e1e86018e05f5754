// The moment before the page is hidden or gone. The tracker says when, and sends what is told then in one request.

export const leaving = (act) => addEventListener("periplus", act);
